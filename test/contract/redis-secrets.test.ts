/** What the connections report when Redis refuses something: the client's errors carry what was sent, HELLO and AUTH too, whole. */
import { inspect } from 'node:util';
import { createMetrics, loadConfig } from '@pannier/runtime';
import type { Config, ConfigInput } from '@pannier/runtime';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../cache-server/src/clock.ts';
import { openClusterControl } from '../../cache-server/src/cluster-control.ts';
import type { JobQueue } from '../../cache-server/src/jobs/job-queue.ts';
import { openStore } from '../../cache-server/src/open-store.ts';
import { startJobs } from '../../cache-server/src/start-jobs.ts';
import { startRedis } from '../fixture/redis-server.ts';
import { until } from './redis-harness.ts';

type RedisInput = NonNullable<NonNullable<ConfigInput['server']>['redis']>;

/** Keeps everything that it is told, errors with all that hangs on them. */
function listener(): { lines: string[]; warn: (fields: unknown, message?: string) => void } {
  const lines: string[] = [];
  return {
    lines,
    warn: (fields, message) => lines.push(`${message} ${inspect(fields, { depth: null, showHidden: true })}`),
  };
}

function openJobs(config: Config, logger: ReturnType<typeof listener>): JobQueue {
  const queue = startJobs({
    config,
    entries: { warm: async () => undefined },
    datasets: { warm: async () => undefined },
    clock: systemClock,
    logger,
    metrics: createMetrics('test'),
  });
  onTestFinished(async () => await queue.close());
  return queue;
}

const OPENERS: Record<string, (config: Config, logger: ReturnType<typeof listener>) => Promise<void>> = {
  data: async (config, logger) => {
    const metrics = createMetrics('test');
    const store = openStore(config, { clock: systemClock, logger, metrics });
    onTestFinished(async () => await store.close());
    const stats = await store.stats().catch((error: unknown) => error);
    logger.warn(stats, 'stats');
  },
  control: async (config, logger) => {
    const control = openClusterControl(config, logger);
    onTestFinished(async () => await control?.close());
    const claim = await control?.refreshClaims.claim('x', 1000).catch((error: unknown) => error);
    logger.warn(claim, 'claim');
  },
  jobs: async (config, logger) => {
    const job = await openJobs(config, logger)
      .look('x')
      .catch((error: unknown) => error);
    logger.warn(job, 'look');
  },
};

describe.each(Object.keys(OPENERS))('the connections for %s', (what) => {
  test.each<Partial<RedisInput>>([{ protocol: 3 }, { protocol: 2 }, { protocol: 3, username: 'nobody' }])(
    'tell of a wrong password without a word of it: %j',
    async (how) => {
      await using redis = await startRedis({ args: ['--requirepass', 'right'] });
      const url = `redis://:hush@127.0.0.1:${redis.port}`;
      const logger = listener();
      const config = loadConfig({ env: {}, overrides: { server: { redis: { url, ...how } } } });
      await OPENERS[what]!(config, logger);
      await until(() => logger.lines.some((line) => line.includes('WRONGPASS')));
      expect(logger.lines.join('\n')).not.toContain('hush');
    },
  );

  test('tell of a Redis that knows no AUTH without its arguments', async () => {
    await using redis = await startRedis({
      config: 'rename-command AUTH ""\nrename-command HELLO ""\n',
    });
    const logger = listener();
    const url = `redis://:hush@127.0.0.1:${redis.port}`;
    const config = loadConfig({ env: {}, overrides: { server: { redis: { url } } } });
    await OPENERS[what]!(config, logger);
    await until(() => logger.lines.some((line) => /unknown command/i.test(line)));
    expect(logger.lines.join('\n')).not.toContain('hush');
  });
});

test('a job that Redis has no memory for is refused without a word of what it asks for', async () => {
  await using redis = await startRedis({ args: ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'] });
  const config = loadConfig({
    env: {},
    overrides: { server: { role: 'server', redis: { url: redis.url } } },
  });
  const jobs = openJobs(config, listener());
  const task = { urls: ['http://api.example/?key=hush'], headers: [], datasets: [] };
  let refusal: unknown;
  await until(async () => {
    refusal = await jobs.enqueue(task).catch((error: unknown) => error);
    return inspect(refusal).includes('OOM');
  });
  expect(inspect(refusal, { depth: null, showHidden: true })).not.toContain('hush');
});
