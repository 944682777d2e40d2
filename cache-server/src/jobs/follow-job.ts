/** Looks at a job again and again, and tells when something has changed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheServerError } from '../errors.ts';
import type { JobProgress, JobQueue } from './job-queue.ts';

const LOOK_EVERY_MS = 250;
/** How long the queue may be away before whoever follows is told so, in milliseconds. */
const AWAY_MS_MAX = 10_000;

/**
 * Progress of a job from now on; the last one is `completed` or `failed`. It may begin late, and at any server.
 *
 * @throws CacheServerError `not-found` for a job that there is not, or is no longer known; `store` when the queue stays away
 */
export async function* followJob(
  queue: Pick<JobQueue, 'look'>,
  job: string,
  signal: AbortSignal,
): AsyncGenerator<JobProgress, void, undefined> {
  let told = '';
  let lookedAtMs = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const progress = await lookAgain(queue, job, lookedAtMs);
    if (progress !== undefined) {
      lookedAtMs = performance.now();
      const text = JSON.stringify(progress);
      if (text !== told) yield progress;
      told = text;
      if (progress.state === 'completed' || progress.state === 'failed') return;
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** Undefined while the queue does not answer. */
async function lookAgain(
  queue: Pick<JobQueue, 'look'>,
  job: string,
  lookedAtMs: number,
): Promise<JobProgress | undefined> {
  try {
    const progress = await queue.look(job);
    if (progress !== undefined) return progress;
  } catch (error) {
    if (performance.now() - lookedAtMs > AWAY_MS_MAX) throw error;
    return undefined;
  }
  throw new CacheServerError('not-found', `there is no job ${job}, or it ended long ago`);
}
