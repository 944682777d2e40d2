/**
 * A worker's hold on a job. Who was stopped for longer than the lock lasts, and goes on, finds here that another worker has the job: the lock
 * is compared inside Redis with whatever is written, so that nothing of the other's is written over.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from 'bullmq';
import type { JobTask } from './job-queue.ts';
import type { JobCheckpoint } from './job-tally.ts';

/** What is asked beside the library, which writes progress without a look at the lock. */
export interface ScriptRunner {
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
}

/** Where a hold is, and how long it lasts. */
export interface JobHoldOptions {
  readonly client: ScriptRunner;
  /** Name of the job in Redis. */
  readonly key: string;
  /** How long the lock lasts from now on, in milliseconds. */
  readonly lockMs: number;
  /** What the worker takes its job by. */
  readonly token: string;
}

// KEYS: the lock, the job. ARGV: the token of the lock, the progress as JSON.
const WRITE_PROGRESS = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'progress', ARGV[2])
return 1
`;
/** What is answered to who holds the lock. */
const HELD = 1;
/** How long an answer may take, in milliseconds, until the work goes on without it: that nobody can be asked is no reason to stop. */
const ANSWER_MS = 2000;

/** See the head of this file. */
export class JobHold {
  readonly #job: Job<JobTask>;
  readonly #options: JobHoldOptions;
  readonly #lost = new AbortController();

  constructor(job: Job<JobTask>, options: JobHoldOptions) {
    this.#job = job;
    this.#options = options;
  }

  /** Aborted once another worker is known to have the job, or none. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Asks for the lock before something is begun, and renews it. @throws what {@link JobHold.lost} is aborted with */
  async confirm(): Promise<void> {
    const { token, lockMs } = this.#options;
    const over = new AbortController();
    const silence = sleep(ANSWER_MS, HELD, { signal: over.signal, ref: false });
    // While Redis is away the lock ends by itself, and the next answer tells whose the job is then.
    const asked = this.#job.extendLock(token, lockMs).catch(() => HELD);
    this.#hear(await Promise.race([asked, silence]).finally(() => over.abort()));
    this.#lost.signal.throwIfAborted();
  }

  /** Writes how far the job has come, unless another worker has it. Rejects when Redis cannot be asked. */
  async write(checkpoint: JobCheckpoint): Promise<void> {
    const { client, key, token } = this.#options;
    const names = [`${key}:lock`, key];
    this.#hear(await client.eval(WRITE_PROGRESS, names.length, ...names, token, JSON.stringify(checkpoint)));
  }

  #hear(answer: unknown): void {
    if (Number(answer) !== HELD) this.#lost.abort(new Error('another worker has the job'));
  }
}
