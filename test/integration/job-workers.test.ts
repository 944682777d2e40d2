/** Workers of jobs over a real Redis, in this process: one that was stopped for so long that another has its job, and goes on. */
import { loadConfig } from '@pannier/runtime';
import { expect, test } from 'vitest';
import { systemClock } from '../../cache-server/src/clock.ts';
import type { JobProgress } from '../../cache-server/src/jobs/job-queue.ts';
import { RedisJobQueue } from '../../cache-server/src/jobs/redis-job-queue.ts';
import { RedisJobWorker } from '../../cache-server/src/jobs/redis-job-worker.ts';
import { jobConnection } from '../../cache-server/src/store/redis/job-connection.ts';
import { eventually } from '../fixture/eventually.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';

const FORMER = { bytes: 0, bytesTotal: 0, records: 0, partitions: 0, etaMs: 0, failures: [] };
const OTHERS = { ...FORMER, itemsTotal: 4, itemsDone: 3, attempts: 2, startedAtMs: 1 };
const OTHERS_PROGRESS = JSON.stringify({ ...OTHERS, done: [0, 1, 2], doneSum: FORMER });

interface Scene extends AsyncDisposable {
  readonly redis: RedisFixture;
  readonly counts: string[];
  /** URLs that were begun, and what ends each. */
  readonly begun: { url: string; end: () => void; signal: AbortSignal }[];
  enqueue(...urls: string[]): Promise<string>;
  look(job: string): Promise<JobProgress | undefined>;
  /** What Redis has when the lock has ended and another worker took the job and went on. */
  passTo(job: string, token: string): Promise<void>;
}

/** A queue and one worker, which fetches one URL at a time and ends none by itself. */
async function openScene(): Promise<Scene> {
  await using starting = new AsyncDisposableStack();
  const redis = starting.use(await startRedis());
  const config = loadConfig({ env: {}, overrides: { server: { redis: { url: redis.url } } } });
  const settings = config.server.redis;
  if (settings === undefined) throw new Error('no Redis in the configuration');
  const open = (): ReturnType<typeof jobConnection> => {
    const connection = jobConnection(settings);
    connection.client.on('error', () => undefined);
    starting.defer(() => connection.client.disconnect());
    return connection;
  };
  const limits = { ...config.limits, jobItemsAtOnceMax: 1 };
  const onError = (): void => undefined;
  const counts: string[] = [];
  const begun: Scene['begun'] = [];
  const asking = open();
  const queue = new RedisJobQueue({ ...asking, commandTimeoutMs: 20_000, limits, onError });
  starting.defer(async () => await queue.close());
  const worker = new RedisJobWorker({
    ...open(),
    limits,
    onError,
    clock: systemClock,
    count: (what) => counts.push(what),
    work: {
      warmUrl: async (url, _headers, { signal }) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        begun.push({ url, end: resolve, signal });
        await promise;
      },
      warmDataset: async () => undefined,
    },
  });
  starting.defer(async () => await worker.close());
  const parts = starting.move();
  const name = (job: string): string => `${asking.prefix}:warm:${job}`;
  return {
    redis,
    counts,
    begun,
    enqueue: async (...urls) =>
      await eventually(async () => await queue.enqueue({ urls, datasets: [], headers: [] })),
    look: async (job) => await queue.look(job),
    async passTo(job, token) {
      await redis.command('SET', `${name(job)}:lock`, token);
      await redis.command('HSET', name(job), 'progress', OTHERS_PROGRESS);
    },
    [Symbol.asyncDispose]: async () => await parts.disposeAsync(),
  };
}

test('a worker whose job another one has writes no count over the other’s, begins nothing more, and breaks off what it has begun', async () => {
  await using scene = await openScene();
  const { begun, counts } = scene;
  const job = await scene.enqueue('a', 'b', 'c', 'd');
  await eventually(async () => {
    expect(begun.map(({ url }) => url)).toEqual(['a']);
    expect(await scene.look(job)).toMatchObject({ itemsDone: 0, attempts: 1 });
  });

  await scene.passTo(job, 'another');
  begun[0]?.end();

  // Begun or given up, whichever comes.
  await eventually(() => expect(counts.length + begun.length).toBeGreaterThan(1));
  expect(begun.map(({ url }) => url)).toEqual(['a']);
  expect(counts).toEqual(['taken-over']);
  expect(begun[0]?.signal.aborted).toBe(true);
  expect(await scene.look(job)).toMatchObject({ itemsDone: 3, attempts: 2, state: 'active' });
});

test('a worker is told by its next count, too, that another one has its job', async () => {
  await using scene = await openScene();
  const { begun, counts } = scene;
  const job = await scene.enqueue('a');
  await eventually(() => expect(begun).toHaveLength(1));
  await scene.passTo(job, 'another');
  // The last of its parts: nothing is begun after it, and the end itself is a count.
  begun[0]?.end();
  await eventually(() => expect(counts).toHaveLength(1));
  expect(counts).toEqual(['taken-over']);
  expect(await scene.look(job)).toMatchObject({ itemsDone: 3, attempts: 2, state: 'active' });
});

test('a worker that still has its job goes through all of it', async () => {
  await using scene = await openScene();
  const { begun, counts } = scene;
  const job = await scene.enqueue('a', 'b');
  for (const index of [0, 1]) {
    await eventually(() => expect(begun).toHaveLength(index + 1));
    begun[index]?.end();
  }
  await eventually(async () =>
    expect(await scene.look(job)).toMatchObject({ state: 'completed', itemsDone: 2, attempts: 1 }),
  );
  expect(counts).toEqual(['completed']);
});
