/** Takes jobs from Redis and runs them. A worker that dies loses its lock on them, and another goes on where it stood. */
import { setTimeout as sleep } from 'node:timers/promises';
import { UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { Job } from 'bullmq';
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import { JobHold } from './job-hold.ts';
import type { ScriptRunner } from './job-hold.ts';
import { JOB_ATTEMPTS_MAX } from './job-queue.ts';
import type { JobLimits, JobTask, JobWork } from './job-queue.ts';
import { isCheckpoint } from './job-tally.ts';
import type { JobCheckpoint } from './job-tally.ts';
import { GOODBYE_MS, QUEUE_NAME } from './redis-job-queue.ts';
import type { JobPlace } from './redis-job-queue.ts';
import { runJob } from './run-job.ts';

/** What the worker needs. */
export interface RedisJobWorkerOptions extends Omit<JobPlace, 'commandTimeoutMs'> {
  readonly client: JobPlace['client'] & ScriptRunner;
  readonly work: JobWork;
  readonly limits: JobLimits;
  readonly clock: Clock;
  readonly count: (
    what: 'completed' | 'failed' | 'retried' | 'given-back' | 'taken-over' | 'stalled' | 'unreported',
  ) => void;
  readonly onError: (error: Error) => void;
}

/** How long a worker may show no sign of life, in milliseconds; so long, and half of it, until another takes its jobs. */
const LOCK_MS = 10_000;
/** Workers that may die over one job before the job is held to be the reason. */
const DEATHS_MAX = 3;
/** How soon a worker asks again after the connection failed, in milliseconds. */
const RETRY_MS = 1000;

/** See the head of this file. */
export class RedisJobWorker {
  readonly #options: RedisJobWorkerOptions;
  readonly #worker: Worker<JobTask>;
  readonly #closed = new AbortController();

  constructor(options: RedisJobWorkerOptions) {
    this.#options = options;
    this.#worker = new Worker<JobTask>(
      QUEUE_NAME,
      async (job, token, signal) => await this.#run(job, token ?? '', signal ?? this.#closed.signal),
      {
        connection: options.client,
        prefix: options.prefix,
        skipVersionCheck: true,
        concurrency: options.limits.jobsAtOnceMax,
        lockDuration: LOCK_MS,
        stalledInterval: LOCK_MS / 2,
        maxStalledCount: DEATHS_MAX,
        runRetryDelay: RETRY_MS,
      },
    );
    this.#worker.on('error', options.onError);
    this.#worker.on('stalled', () => options.count('stalled'));
    // Whoever has it now goes on with it, and two would do the work of one.
    this.#worker.on('lockRenewalFailed', (jobs) => {
      for (const job of jobs) this.#worker.cancelJob(job, 'the lock is lost');
    });
  }

  /** Gives back the jobs under way: another worker takes them at once. */
  async close(): Promise<void> {
    this.#closed.abort(new CacheServerError('draining', 'the worker stops'));
    // A Redis that is away answers no goodbye; what was under way is another worker's once its lock has ended.
    const isAway = this.#options.client.status !== 'ready';
    await Promise.race([this.#worker.close(isAway), sleep(GOODBYE_MS, undefined, { ref: false })]);
  }

  async #run(job: Job<JobTask>, token: string, signal: AbortSignal): Promise<void> {
    const { client, count } = this.#options;
    const key = this.#worker.toKey(job.id ?? '');
    const hold = new JobHold(job, { client, key, token, lockMs: LOCK_MS });
    const taken = AbortSignal.any([signal, hold.lost]);
    try {
      const { error, isFinal } = await runJob(job.data, {
        ...this.#options,
        signal: AbortSignal.any([taken, this.#closed.signal]),
        former: isCheckpoint(job.progress) ? job.progress : undefined,
        confirm: async () => await hold.confirm(),
        report: async (checkpoint) => await this.#report(hold, checkpoint),
      });
      const isOver = isFinal || job.attemptsMade + 1 >= JOB_ATTEMPTS_MAX;
      count(error === '' ? 'completed' : isOver ? 'failed' : 'retried');
      if (error === '') return;
      throw isFinal ? new UnrecoverableError(error) : new Error(error);
    } catch (error) {
      if (taken.aborted) {
        count('taken-over');
        // Says to the library that the job is not this worker's to end.
        throw new WaitingError();
      }
      if (!this.#closed.signal.aborted || error !== this.#closed.signal.reason) throw error;
      count('given-back');
      await job.moveToWait(token);
      throw new WaitingError();
    }
  }

  /** What cannot be told now is told the next time: the work itself goes on, unless another has it. */
  async #report(hold: JobHold, checkpoint: JobCheckpoint): Promise<void> {
    try {
      await hold.write(checkpoint);
    } catch {
      this.#options.count('unreported');
    }
  }
}
