/** Fetches that nobody waits for: jobs that the servers' workers run, and how far they have come. */
import { CacheService, JobState } from '@pannier/proto';
import type { WatchJobResponse } from '@pannier/proto';
import type { CallOptions } from './client-options.ts';
import { PannierError } from './errors.ts';
import { fetchRequest } from './fetch-request.ts';
import type { Transport } from './transport/index.ts';

/** What to fetch: URLs, datasets by the names that they are declared by, or both. */
export interface WarmRequest {
  readonly urls?: readonly (string | URL)[];
  readonly datasets?: readonly string[];
  /**
   * Of the requests for the URLs: those that tell entries apart, such as `Accept-Encoding`, as the clients send them later. No
   * credentials, such as `Authorization` or `Cookie`: a job, headers included, lies in Redis for up to a day after its end.
   */
  readonly headers?: RequestInit['headers'];
}

/** How far a job has come. Counts never go back, also when another worker goes on with it. */
export interface WarmProgress {
  /** A job that is tried again waits, too. */
  readonly state: 'waiting' | 'active' | 'completed' | 'failed';
  readonly bytes: number;
  /** 0 while unknown. */
  readonly bytesTotal: number;
  /** Cut so far, of datasets. */
  readonly records: number;
  readonly partitions: number;
  /** Estimated, in milliseconds; 0 while unknown. */
  readonly etaMs: number;
  /** URLs and datasets, and those of them that are stored. */
  readonly itemsTotal: number;
  readonly itemsDone: number;
  /** URLs and datasets that failed in the last attempt, and why. */
  readonly failures: readonly { readonly item: string; readonly error: string }[];
  readonly attempts: number;
  /** Why it was given up; '' otherwise. */
  readonly error: string;
}

/** A job. It goes on whether anybody looks or not. */
export interface WarmJob {
  /** Names it for every client and server; forgotten a day after its end at the latest. */
  readonly id: string;
  /**
   * Its progress from now on, a few times a second while it changes and once a second otherwise; the last one is `completed` or `failed`.
   *
   * @throws PannierError `not-found` when there is no such job any more
   */
  progress(options?: Pick<CallOptions, 'signal'>): AsyncGenerator<WarmProgress, void, undefined>;
  /** Waits for its end. @throws PannierError `bad-data` when it failed, naming what did */
  done(options?: Pick<CallOptions, 'signal'>): Promise<WarmProgress>;
}

/** Calls about jobs. */
export interface WarmJobs {
  /**
   * Has URLs and datasets fetched before anybody asks for them.
   *
   * @throws PannierError `limit-exceeded` when too many jobs wait; `bad-request` for what is no http(s) URL, and for credentials, naming the
   *   header
   */
  warm(request: WarmRequest, options?: CallOptions): Promise<WarmJob>;
  /** A job by its name, which some client got from `warm`. */
  warmJob(id: string): WarmJob;
}

const STATES: Partial<Record<JobState, WarmProgress['state']>> = {
  [JobState.WAITING]: 'waiting',
  [JobState.ACTIVE]: 'active',
  [JobState.COMPLETED]: 'completed',
  [JobState.FAILED]: 'failed',
};

/** The calls, over a transport. */
export function openWarmJobs(transport: Transport, deadlineMs: number): WarmJobs {
  const { method } = CacheService;
  const warmJob = (id: string): WarmJob => ({
    id,
    async *progress({ signal } = {}) {
      const messages = transport.stream((server) => server.open(method.watchJob, { job: id }), { signal });
      for await (const message of messages) {
        const progress = progressOf(message);
        if (progress !== undefined) yield progress;
      }
    },
    async done(options) {
      let last: WarmProgress | undefined;
      for await (const progress of this.progress(options)) last = progress;
      if (last?.state === 'completed') return last;
      throw new PannierError('bad-data', last?.error ?? `job ${id}: its end was not told`);
    },
  });
  return {
    async warm({ urls = [], datasets = [], headers }, options = {}) {
      const request = {
        urls: urls.map(webUrl),
        datasets: [...datasets],
        headers: [...new Headers(headers)].map(([name, value]) => ({
          name: Buffer.from(name, 'latin1'),
          value: Buffer.from(value, 'latin1'),
        })),
      };
      const { job } = await transport.unary(method.warm, request, { deadlineMs, ...options });
      return warmJob(job);
    },
    warmJob,
  };
}

/** @throws PannierError `bad-request` for what is no absolute URL, or neither http nor https */
function webUrl(text: string | URL): string {
  try {
    return fetchRequest(text, {}).lookup.url;
  } catch (cause) {
    throw new PannierError('bad-request', `warm: ${String(text)}: want an http:// or https:// URL`, {
      cause,
    });
  }
}

/** Undefined for a sign of life before the job was looked at. */
function progressOf(message: WatchJobResponse): WarmProgress | undefined {
  const state = STATES[message.state];
  if (state === undefined) return undefined;
  return {
    state,
    bytes: Number(message.bytes),
    bytesTotal: Number(message.bytesTotal),
    records: Number(message.records),
    partitions: Number(message.partitions),
    etaMs: Number(message.etaMs),
    itemsTotal: message.itemsTotal,
    itemsDone: message.itemsDone,
    failures: message.failures.map(({ item, error }) => ({ item, error })),
    attempts: message.attempts,
    error: message.error,
  };
}
