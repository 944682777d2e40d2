/**
 * The log of invalidations and publications that all replicas agree on: what is appended gets a number, increasing by one. It keeps the last
 * 100,000 events, or fewer when they are large; of older invalidations it keeps what `GenerationView` folds them into.
 */
import type { FoldedMarks, Generation, GenerationMode, GenerationTarget } from '@pannier/proto/generation';

/** Events that a log keeps one by one. */
export const LOG_EVENTS_MAX = 100_000;
/** Bytes of those in a log outside of the process. */
export const LOG_BYTES_MAX = 32 * 1024 * 1024;
/** Share of them that is kept while its Redis has no memory left: invalidations go on, and the log gives back more than they take. */
export const LOG_FULL_SHARE = 1 / 8;

/** A version of a dataset that became the current one. */
export interface PublishedVersion {
  readonly dataset: string;
  readonly version: string;
  /** '' at first. */
  readonly formerVersion: string;
  /** Names of partitions. */
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Whether there are more names than these. */
  readonly namesLeftOut?: boolean;
}

/** What is appended. */
export type NewEvent =
  | { readonly kind: 'invalidation'; readonly target: GenerationTarget; readonly mode: GenerationMode }
  | { readonly kind: 'publication'; readonly published: PublishedVersion };

/** What is read. */
export type LogEvent = NewEvent & {
  readonly sequence: number;
  /** When it was appended, in milliseconds since 1970, by the clock of whoever appended it. */
  readonly atMs: number;
  /** Random; an event with the same number and another stamp is another one, of a log that lost its end. */
  readonly stamp: string;
};

/** How far a reader has come. */
export interface LogPosition extends Generation {
  /** Of the event with this sequence; '' where there is none. */
  readonly stamp: string;
}

/**
 * How a position stands to the log:
 *
 * - `continues`    what comes after it is known
 * - `too-old`      what comes after it is known no more one by one
 * - `other-epoch`  the log began anew
 * - `lost-end`     the log does not have the event at the position, which was in it: a failover took it away
 */
export type PositionStanding = 'continues' | 'too-old' | 'other-epoch' | 'lost-end';

/** Events after a position, the oldest first. */
export interface LogPage {
  readonly standing: PositionStanding;
  /** The log's epoch, and the number of its last event. */
  readonly head: Generation;
  /** Not necessarily all: there are more while the last one's number is below that of the head. None unless it continues. */
  readonly events: readonly LogEvent[];
}

/** What a log keeps one by one. */
export interface LogSize {
  readonly events: number;
  readonly bytes: number;
}

/** What a reader begins with: everything older than the events that can still be read. */
export interface LogSnapshot {
  readonly head: Generation;
  /** From here on events can be read one by one. */
  readonly position: LogPosition;
  readonly folded: FoldedMarks;
}

/**
 * See the head of this file. Every method rejects with `CacheServerError('store', …)` when the log cannot be reached within its deadline.
 * A log without an epoch, since it is new or was lost, begins one with the first call of any method.
 */
export interface InvalidationLog {
  /** Whether nobody but this process appends, so that its reader need not ask. */
  readonly isLocal: boolean;
  /** As it was when this process read it last. */
  readonly size: LogSize;
  /**
   * Appends events together, in order. They are in the log when this resolves; when it rejects, they may be.
   *
   * @returns the numbers they got: the last event has the sequence of `head`
   */
  append(events: readonly NewEvent[]): Promise<AppendResult>;
  /** Events after a position. */
  read(after: LogPosition): Promise<LogPage>;
  snapshot(): Promise<LogSnapshot>;
  /** Begins a new epoch unless somebody has done so meanwhile: this one's log lost events that somebody has seen. */
  renew(epoch: string): Promise<void>;
  /** Calls back soon after something was appended by anybody, as far as it is told of it. @returns ends the calls */
  onAppended(wake: () => void): () => void;
  close(): Promise<void>;
}

/** What was appended. */
export interface AppendResult {
  readonly head: Generation;
  readonly events: readonly LogEvent[];
}
