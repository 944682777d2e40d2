import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import { followJob } from './follow-job.ts';
import type { JobLimits, JobProgress, JobWork } from './job-queue.ts';
import { MemoryJobQueue } from './memory-job-queue.ts';

const LIMITS: JobLimits = {
  jobsMax: 3,
  jobItemsMax: 10,
  jobsAtOnceMax: 1,
  jobItemsAtOnceMax: 2,
  jobDeadlineMs: 60_000,
};

/** A clock that is soon where it is waited for. */
function hastyClock(): Clock & { passed: number[] } {
  const passed: number[] = [];
  const startedMs = Date.now();
  return {
    passed,
    now: () => Date.now() - startedMs,
    after(delayMs, run) {
      // What is left of the deadline of a job, of which a moment may have passed.
      if (delayMs > LIMITS.jobDeadlineMs / 2) return () => undefined;
      passed.push(delayMs);
      const timer = setTimeout(run, Math.min(delayMs, 5));
      return () => clearTimeout(timer);
    },
  };
}

function queueOf(
  work: Partial<JobWork>,
  limits: Partial<JobLimits> = {},
): { queue: MemoryJobQueue; counts: string[]; clock: ReturnType<typeof hastyClock> } {
  const counts: string[] = [];
  const clock = hastyClock();
  const all = { warmUrl: async () => undefined, warmDataset: async () => undefined, ...work };
  const queue = new MemoryJobQueue({
    work: all,
    limits: { ...LIMITS, ...limits },
    clock,
    count: (what) => counts.push(what),
  });
  return { queue, counts, clock };
}

async function ended(queue: MemoryJobQueue, job: string): Promise<JobProgress | undefined> {
  let last: JobProgress | undefined;
  for await (const progress of followJob(queue, job, AbortSignal.timeout(20_000))) last = progress;
  return last;
}

const task = (...urls: string[]): Parameters<MemoryJobQueue['enqueue']>[0] => ({
  urls,
  datasets: [],
  headers: [],
});

test('what fails is tried again, what is stored is not, and the third attempt is the last', async () => {
  const asked: string[] = [];
  const { queue, counts } = queueOf({
    warmUrl: async (url) => {
      asked.push(url);
      if (url === 'bad') throw new CacheServerError('upstream-unreachable', 'connection refused');
    },
  });
  const job = await queue.enqueue(task('good', 'bad'));
  expect(await ended(queue, job)).toMatchObject({
    state: 'failed',
    itemsDone: 1,
    attempts: 3,
    failures: [{ item: 'bad', error: 'connection refused' }],
    error: '1 of 2 failed: bad: connection refused',
  });
  expect(asked.toSorted()).toEqual(['bad', 'bad', 'bad', 'good']);
  expect(counts).toEqual(['retried', 'retried', 'failed']);
  await queue.close();
});

test('what would fail again in the same way is not tried again', async () => {
  const { queue, counts } = queueOf({
    warmDataset: async () => {
      throw new CacheServerError('not-found', 'dataset "x" is not declared');
    },
  });
  const job = await queue.enqueue({ urls: [], datasets: ['x'], headers: [] });
  expect(await ended(queue, job)).toMatchObject({ state: 'failed', attempts: 1 });
  expect(counts).toEqual(['failed']);
  await queue.close();
});

test('an upstream that says when it wants to be asked again is waited for within the attempt', async () => {
  let asked = 0;
  const { queue, clock } = queueOf({
    warmUrl: async () => {
      asked += 1;
      if (asked < 3) throw new CacheServerError('limit-exceeded', 'paused', { retryAfterMs: 7000 });
    },
  });
  const job = await queue.enqueue(task('url'));
  expect(await ended(queue, job)).toMatchObject({ state: 'completed', attempts: 1 });
  expect(clock.passed.filter((ms) => ms === 7000)).toHaveLength(2);
  await queue.close();
});

test('so many jobs run at once, so many wait, and the next one is refused', async () => {
  const gate = Promise.withResolvers<void>();
  let running = 0;
  let most = 0;
  const { queue } = queueOf({
    warmUrl: async () => {
      running += 1;
      most = Math.max(most, running);
      await gate.promise;
      running -= 1;
    },
  });
  const jobs = [
    await queue.enqueue(task('1', '2', '3')),
    await queue.enqueue(task('4')),
    await queue.enqueue(task('5')),
  ];
  await expect(queue.enqueue(task('6'))).rejects.toMatchObject({
    code: 'limit-exceeded',
    message: 'limits.jobsMax 3 jobs wait or run already',
  });
  expect(await queue.look(jobs[0] ?? '')).toMatchObject({ state: 'active', itemsTotal: 3 });
  expect(await queue.look(jobs[1] ?? '')).toMatchObject({ state: 'waiting', attempts: 0 });
  gate.resolve();
  for (const job of jobs) expect(await ended(queue, job)).toMatchObject({ state: 'completed' });
  expect(most).toBe(2);
  await queue.close();
});

test('a job that takes too long is given up, and a queue that is closed ends what runs', async () => {
  const never = async (
    _url: string,
    _headers: unknown,
    { signal }: { signal: AbortSignal },
  ): Promise<void> => {
    await sleep(60_000, undefined, { signal });
  };
  const { queue } = queueOf({ warmUrl: never }, { jobDeadlineMs: 50 });
  const job = await queue.enqueue(task('slow'));
  expect(await ended(queue, job)).toMatchObject({
    state: 'failed',
    error: 'the job took longer than limits.jobDeadlineMs 50',
  });
  const patient = queueOf({ warmUrl: never });
  await patient.queue.enqueue(task('slow'));
  await patient.queue.close();
  await expect(patient.queue.enqueue(task('more'))).rejects.toMatchObject({ code: 'draining' });
});

test('a job that there is not cannot be followed', async () => {
  const { queue } = queueOf({});
  await expect(ended(queue, 'no-such')).rejects.toMatchObject({ code: 'not-found' });
  await queue.close();
});
