/** Jobs in Redis, which every server enqueues into and every worker takes from; see redis-job-worker.ts for who runs them. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import type { ConnectionOptions } from 'bullmq';
import { bareError } from '../bare-error.ts';
import { CacheServerError } from '../errors.ts';
import { JOB_ATTEMPTS_MAX, JOB_BACKOFF_MS, JOBS_KEPT_MAX, JOBS_KEPT_MS } from './job-queue.ts';
import type { JobLimits, JobProgress, JobQueue, JobState, JobTask } from './job-queue.ts';
import { isCheckpoint } from './job-tally.ts';

/** What is asked beside the library, which would read all of a job, and says nothing of its connection. */
interface HashReader {
  /** `ready`, or what it is about. */
  readonly status: string;
  hmget(key: string, ...fields: string[]): Promise<(string | null)[]>;
}

/** Where the queue is. */
export interface JobPlace {
  /** A client of Redis, `redis.control`; the worker makes another one from it, to wait on. */
  readonly client: ConnectionOptions & HashReader;
  /** Stands before every key. */
  readonly prefix: string;
  /** How long Redis may take to answer, in milliseconds. */
  readonly commandTimeoutMs: number;
}

/** What the queue needs. */
export interface RedisJobQueueOptions extends JobPlace {
  readonly limits: Pick<JobLimits, 'jobsMax'>;
  readonly onError: (error: Error) => void;
}

/** The one queue of the mesh. */
export const QUEUE_NAME = 'warm';
/** Progress is read from the job itself; of the events, which tell of it too, only so many are kept. */
const EVENTS_KEPT_MAX = 100;
/** How long the library may take to end, in milliseconds. */
export const GOODBYE_MS = 2000;

/** As errors say it. */
const PLACE = 'the Redis for control';

const STATES: Readonly<Record<string, JobState>> = {
  completed: 'completed',
  failed: 'failed',
  active: 'active',
};

/** See the head of this file. */
export class RedisJobQueue implements JobQueue {
  readonly #options: RedisJobQueueOptions;
  readonly #queue: Queue<JobTask>;
  #lastEnqueued: Promise<unknown> = Promise.resolve();

  constructor(options: RedisJobQueueOptions) {
    this.#options = options;
    const kept = { age: JOBS_KEPT_MS / 1000, count: JOBS_KEPT_MAX };
    this.#queue = new Queue<JobTask>(QUEUE_NAME, {
      connection: options.client,
      prefix: options.prefix,
      // It would complain on the console about an eviction policy, which is for the operator's checks to say.
      skipVersionCheck: true,
      streams: { events: { maxLen: EVENTS_KEPT_MAX } },
      defaultJobOptions: {
        attempts: JOB_ATTEMPTS_MAX,
        backoff: { type: 'exponential', delay: JOB_BACKOFF_MS, jitter: 0.5 },
        removeOnComplete: kept,
        removeOnFail: kept,
        stackTraceLimit: 0,
      },
    });
    this.#queue.on('error', options.onError);
  }

  /** Calls of one process take turns, so that jobs beyond the limit are at most one for each other server. */
  async enqueue(task: JobTask): Promise<string> {
    const turn = this.#lastEnqueued.then(async () => await this.#add(task));
    this.#lastEnqueued = turn.catch(() => undefined);
    return await turn;
  }

  async look(job: string): Promise<JobProgress | undefined> {
    return await this.#within('look at the job', async () => {
      // The state first: what was written before it changed is then there to be read.
      const state = await this.#queue.getJobState(job);
      const fields = ['name', 'progress', 'failedReason'];
      const [name, progress, failedReason] = await this.#options.client.hmget(
        this.#queue.toKey(job),
        ...fields,
      );
      if (typeof name !== 'string') return undefined;
      return {
        ...countsOf(name, progress ?? ''),
        state: STATES[state] ?? 'waiting',
        error: state === 'failed' ? (failedReason ?? '') : '',
      };
    });
  }

  async waiting(): Promise<number> {
    return await this.#within(
      'count the jobs',
      async () => await this.#queue.getJobCountByTypes('waiting', 'delayed'),
    );
  }

  async close(): Promise<void> {
    // A Redis that is away answers no goodbye.
    await Promise.race([this.#queue.close(), sleep(GOODBYE_MS, undefined, { ref: false })]);
  }

  async #add(task: JobTask): Promise<string> {
    const { jobsMax } = this.#options.limits;
    return await this.#within('add the job', async () => {
      const open = await this.#queue.getJobCountByTypes('waiting', 'active', 'delayed');
      if (open >= jobsMax)
        throw new CacheServerError('limit-exceeded', `limits.jobsMax ${jobsMax} jobs wait or run already`);
      const jobId = randomUUID();
      await this.#queue.add(jobName(task), task, { jobId });
      return jobId;
    });
  }

  /** The library waits for a connection for ever. */
  async #within<T>(what: string, ask: () => Promise<T>): Promise<T> {
    const { commandTimeoutMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const message = `cannot ${what}: no answer from ${PLACE} within ${commandTimeoutMs} ms`;
      timer = setTimeout(() => reject(new CacheServerError('store', message)), commandTimeoutMs);
    });
    try {
      return await Promise.race([ask(), late]);
    } catch (error) {
      if (error instanceof CacheServerError) throw error;
      const { status } = this.#options.client;
      // What was sent has the URLs of the job, and their keys.
      const cause = bareError(error);
      const fault = status === 'ready' ? `: ${cause.message}` : ` does not answer (${status})`;
      throw new CacheServerError('store', `cannot ${what}: ${PLACE}${fault}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Says how many parts it has, which is told before anybody has begun, without reading them all. */
function jobName({ urls, datasets }: JobTask): string {
  return `warm ${urls.length + datasets.length}`;
}

function countsOf(name: string, progress: string): Omit<JobProgress, 'state' | 'error'> {
  const checkpoint = parsed(progress);
  if (isCheckpoint(checkpoint)) {
    const { done: _done, doneSum: _sum, startedAtMs: _started, ...counts } = checkpoint;
    return counts;
  }
  const itemsTotal = Number(name.split(' ').at(-1));
  const none = { bytes: 0, bytesTotal: 0, records: 0, partitions: 0, etaMs: 0, itemsDone: 0, attempts: 0 };
  return { ...none, itemsTotal, failures: [] };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json === '' ? '0' : json);
  } catch {
    // Of a version to come.
    return undefined;
  }
}
