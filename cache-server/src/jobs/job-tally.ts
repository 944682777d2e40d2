/** How far a job has come: sums over its parts, kept from one attempt to the next. */
import type { ItemProgress, JobCounts, JobItemFailure } from './job-queue.ts';

/** What is kept of a job between two looks at it, and between two workers. */
export interface JobCheckpoint extends JobCounts {
  /** When the first attempt began, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** Positions of the parts that are stored, and what they came to. */
  readonly done: readonly number[];
  readonly doneSum: Omit<ItemProgress, 'bytesTotal'>;
}

const NONE: Omit<ItemProgress, 'bytesTotal'> = { bytes: 0, records: 0, partitions: 0 };
const FAILURES_KEPT_MAX = 100;
const TEXT_CHARS_MAX = 500;

/** Whether something is a checkpoint that this version wrote. */
export function isCheckpoint(value: unknown): value is JobCheckpoint {
  return typeof value === 'object' && value !== null && 'done' in value && 'doneSum' in value;
}

/** One attempt's tally. */
export class JobTally {
  readonly startedAtMs: number;
  readonly #former: JobCheckpoint | undefined;
  readonly #itemsTotal: number;
  readonly #now: () => number;
  readonly #beganAtMs: number;
  readonly #attempts: number;
  readonly #done: Set<number>;
  #doneSum: Omit<ItemProgress, 'bytesTotal'>;
  readonly #running = new Map<number, ItemProgress>();
  readonly #failures: JobItemFailure[] = [];
  /** Parts that failed in this attempt, and that it does not begin anew. */
  readonly #failed = new Set<number>();
  #told: JobCheckpoint | undefined;

  constructor(itemsTotal: number, former: JobCheckpoint | undefined, now: () => number) {
    this.#itemsTotal = itemsTotal;
    this.#former = former;
    this.#now = now;
    this.#beganAtMs = now();
    this.#attempts = (former?.attempts ?? 0) + 1;
    this.startedAtMs = former?.startedAtMs ?? this.#beganAtMs;
    this.#done = new Set(former?.done);
    this.#doneSum = former?.doneSum ?? NONE;
  }

  /** Positions of the parts that are still to be fetched. */
  get pending(): number[] {
    return Array.from({ length: this.#itemsTotal }, (_, index) => index).filter((i) => !this.#done.has(i));
  }

  note(index: number, progress: ItemProgress): void {
    this.#running.set(index, progress);
  }

  /** A part is stored. */
  finish(index: number): void {
    this.#doneSum = plus(this.#doneSum, this.#running.get(index) ?? NONE);
    this.#running.delete(index);
    this.#done.add(index);
  }

  /** A part failed; what arrived of it stays in the counts, which never go back. */
  fail(index: number, item: string, error: string): void {
    this.#failed.add(index);
    if (this.#failures.length === FAILURES_KEPT_MAX) return;
    this.#failures.push({ item: bounded(item), error: bounded(error) });
  }

  checkpoint(): JobCheckpoint {
    let sum = this.#doneSum;
    for (const item of this.#running.values()) sum = plus(sum, item);
    // A part that is begun anew counts from nothing; what was told of it is not taken back.
    const before = this.#told ?? this.#former;
    this.#told = {
      startedAtMs: this.startedAtMs,
      bytes: Math.max(sum.bytes, before?.bytes ?? 0),
      bytesTotal: Math.max(this.#bytesTotal(), before?.bytesTotal ?? 0),
      records: Math.max(sum.records, before?.records ?? 0),
      partitions: Math.max(sum.partitions, before?.partitions ?? 0),
      etaMs: this.#etaMs(sum.bytes),
      itemsTotal: this.#itemsTotal,
      itemsDone: this.#done.size,
      failures: [...this.#failures],
      attempts: this.#attempts,
      done: [...this.#done],
      doneSum: this.#doneSum,
    };
    return this.#told;
  }

  /** Known once the length of every part is. */
  #bytesTotal(): number {
    let total = this.#doneSum.bytes;
    for (const index of this.pending) {
      const { bytesTotal } = this.#running.get(index) ?? {};
      if (bytesTotal === undefined) return 0;
      total += bytesTotal;
    }
    return total;
  }

  /** Until this attempt ends: by bytes where their number is known, else by parts. What has failed is waited for no more. */
  #etaMs(bytes: number): number {
    const elapsedMs = this.#now() - this.#beganAtMs;
    const open = this.pending.filter((index) => !this.#failed.has(index));
    const left = this.#bytesLeft(open);
    const fetched = bytes - (this.#former?.doneSum.bytes ?? 0);
    if (left !== undefined && fetched > 0) return Math.round((elapsedMs * left) / fetched);
    const finished = this.#done.size - (this.#former?.done.length ?? 0);
    return finished > 0 ? Math.round((elapsedMs * open.length) / finished) : 0;
  }

  /** Undefined unless the length of each of these parts is known. */
  #bytesLeft(open: readonly number[]): number | undefined {
    let left = 0;
    for (const index of open) {
      const { bytes = 0, bytesTotal } = this.#running.get(index) ?? {};
      if (bytesTotal === undefined) return undefined;
      left += Math.max(0, bytesTotal - bytes);
    }
    return left;
  }
}

function plus(
  one: Omit<ItemProgress, 'bytesTotal'>,
  other: Omit<ItemProgress, 'bytesTotal'>,
): Omit<ItemProgress, 'bytesTotal'> {
  return {
    bytes: one.bytes + other.bytes,
    records: one.records + other.records,
    partitions: one.partitions + other.partitions,
  };
}

function bounded(text: string): string {
  return text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX - 1)}…`;
}
