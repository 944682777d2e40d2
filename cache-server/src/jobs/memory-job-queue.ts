/**
 * Jobs of a server that has no Redis: they wait in its memory, and it runs them itself. With the embedded store there is no other
 * process that could, nor anything that would outlive this one.
 */
import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import { JOB_ATTEMPTS_MAX, JOB_BACKOFF_MS, JOBS_KEPT_MAX, JOBS_KEPT_MS } from './job-queue.ts';
import type { JobLimits, JobProgress, JobQueue, JobTask, JobWork } from './job-queue.ts';
import { JobTally } from './job-tally.ts';
import type { JobCheckpoint } from './job-tally.ts';
import { runJob } from './run-job.ts';

/** What the queue needs. */
export interface MemoryJobQueueOptions {
  readonly work: JobWork;
  readonly limits: JobLimits;
  readonly clock: Clock;
  readonly count: (what: 'completed' | 'failed' | 'retried') => void;
}

interface HeldJob {
  readonly name: string;
  readonly task: JobTask;
  state: JobProgress['state'];
  checkpoint: JobCheckpoint;
  error: string;
}

/** See the head of this file. */
export class MemoryJobQueue implements JobQueue {
  readonly #options: MemoryJobQueueOptions;
  readonly #open = new Map<string, HeldJob>();
  readonly #waiting: HeldJob[] = [];
  readonly #over: LRUCache<string, HeldJob>;
  readonly #closed = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: MemoryJobQueueOptions) {
    this.#options = options;
    this.#over = new LRUCache({
      max: JOBS_KEPT_MAX,
      ttl: JOBS_KEPT_MS,
      perf: options.clock,
      ttlResolution: 0,
    });
  }

  async enqueue(task: JobTask): Promise<string> {
    const { limits, clock } = this.#options;
    if (this.#closed.signal.aborted) throw new CacheServerError('draining', 'the server stops');
    if (this.#open.size >= limits.jobsMax)
      throw new CacheServerError(
        'limit-exceeded',
        `limits.jobsMax ${limits.jobsMax} jobs wait or run already`,
      );
    const items = task.urls.length + task.datasets.length;
    const checkpoint = { ...new JobTally(items, undefined, () => clock.now()).checkpoint(), attempts: 0 };
    const job: HeldJob = { name: randomUUID(), task, state: 'waiting', checkpoint, error: '' };
    this.#open.set(job.name, job);
    this.#waiting.push(job);
    this.#startNext();
    return job.name;
  }

  async look(name: string): Promise<JobProgress | undefined> {
    const job = this.#open.get(name) ?? this.#over.get(name);
    if (job === undefined) return undefined;
    const { state, checkpoint, error } = job;
    const { done: _done, doneSum: _sum, startedAtMs: _started, ...counts } = checkpoint;
    return { ...counts, state, error };
  }

  async waiting(): Promise<number> {
    return [...this.#open.values()].filter(({ state }) => state === 'waiting').length;
  }

  async close(): Promise<void> {
    this.#closed.abort(new CacheServerError('draining', 'the server stops'));
    await Promise.allSettled(this.#running);
  }

  #startNext(): void {
    const { limits } = this.#options;
    while (this.#running.size < limits.jobsAtOnceMax && !this.#closed.signal.aborted) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      const running = this.#run(job).finally(() => {
        this.#running.delete(running);
        this.#startNext();
      });
      // Ends by a failure only when the server stops, which forgets the job with everything else.
      running.catch(() => undefined);
      this.#running.add(running);
    }
  }

  async #run(job: HeldJob): Promise<void> {
    const { count } = this.#options;
    job.state = 'active';
    const isFirst = job.checkpoint.attempts === 0;
    const { error, isFinal } = await runJob(job.task, {
      ...this.#options,
      signal: this.#closed.signal,
      former: isFirst ? undefined : job.checkpoint,
      report: async (checkpoint) => void (job.checkpoint = checkpoint),
    });
    const isOver = error === '' || isFinal || job.checkpoint.attempts >= JOB_ATTEMPTS_MAX;
    count(error === '' ? 'completed' : isOver ? 'failed' : 'retried');
    if (isOver) this.#end(job, error);
    else this.#retryLater(job);
  }

  #end(job: HeldJob, error: string): void {
    job.state = error === '' ? 'completed' : 'failed';
    job.error = error;
    this.#open.delete(job.name);
    this.#over.set(job.name, job);
  }

  /** The place of a job that is to be tried again is free for others meanwhile. */
  #retryLater(job: HeldJob): void {
    job.state = 'waiting';
    this.#options.clock.after(JOB_BACKOFF_MS * 2 ** (job.checkpoint.attempts - 1), () => {
      this.#waiting.push(job);
      this.#startNext();
    });
  }
}
