/** Jobs that fetch before anybody needs it: what one is, how far it has come, and where jobs wait for whoever runs them. */
import type { HeaderList } from '@pannier/http-semantics';

/** What a job fetches. */
export interface JobTask {
  readonly urls: readonly string[];
  readonly datasets: readonly string[];
  /** Of the requests for the URLs: such as tell entries apart. */
  readonly headers: HeaderList;
}

/** Where a job stands; one that will be tried again waits, too. */
export type JobState = 'waiting' | 'active' | 'completed' | 'failed';

/** A part of a job that failed. */
export interface JobItemFailure {
  /** The URL, or the name of the dataset. */
  readonly item: string;
  readonly error: string;
}

/** Counts of a job; none of them ever goes back, whoever goes on with it. */
export interface JobCounts {
  /** Fetched so far. */
  readonly bytes: number;
  /** Expected in all; 0 while unknown. */
  readonly bytesTotal: number;
  /** Cut so far, of datasets. */
  readonly records: number;
  readonly partitions: number;
  /** Estimated; 0 while unknown. */
  readonly etaMs: number;
  /** URLs and datasets, and those of them that are stored. */
  readonly itemsTotal: number;
  readonly itemsDone: number;
  /** Of the last attempt. */
  readonly failures: readonly JobItemFailure[];
  /** Begun so far. */
  readonly attempts: number;
}

/** Where a job stands and how far it has come. */
export interface JobProgress extends JobCounts {
  readonly state: JobState;
  /** Why it was given up; '' otherwise. */
  readonly error: string;
}

/** How far one URL or dataset has come. */
export interface ItemProgress {
  readonly bytes: number;
  /** Undefined while unknown. */
  readonly bytesTotal: number | undefined;
  readonly records: number;
  readonly partitions: number;
}

/** One URL or dataset that is being fetched. */
export interface ItemRun {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ItemProgress) => void;
}

/** What fetches. Both end when all is stored, and reject with `CacheServerError`. */
export interface JobWork {
  warmUrl(url: string, headers: HeaderList, run: ItemRun): Promise<void>;
  warmDataset(name: string, run: ItemRun): Promise<void>;
}

/** The bounds of jobs. */
export interface JobLimits {
  /** Jobs that wait or run. */
  readonly jobsMax: number;
  /** URLs and datasets of one job. */
  readonly jobItemsMax: number;
  /** Jobs that one process runs at once, and items of each. */
  readonly jobsAtOnceMax: number;
  readonly jobItemsAtOnceMax: number;
  /** For a job from its first attempt on. */
  readonly jobDeadlineMs: number;
}

/** Where jobs wait. Every call rejects with `CacheServerError` `store` when the queue cannot be reached. */
export interface JobQueue {
  /** @returns the name of the job. @throws CacheServerError `limit-exceeded` when `limits.jobsMax` wait or run already */
  enqueue(task: JobTask): Promise<string>;
  /** Undefined for a job that there is not, or that ended so long ago that it is forgotten. */
  look(job: string): Promise<JobProgress | undefined>;
  /** How many jobs wait, for their first attempt or another one, at all servers together. */
  waiting(): Promise<number>;
  /** Takes no new job, gives back those under way, and frees everything. */
  close(): Promise<void>;
}

/** Attempts at a job; those of its parts that are stored are not fetched again. */
export const JOB_ATTEMPTS_MAX = 3;
/** The pause before the second attempt in milliseconds; it doubles for the third. */
export const JOB_BACKOFF_MS = 1000;
/** Jobs that are over and may still be looked at: so many of those that went well, and of those that did not, for so long. */
export const JOBS_KEPT_MAX = 1000;
export const JOBS_KEPT_MS = 24 * 3_600_000;
