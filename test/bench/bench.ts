/** What every benchmark gives: figures, a table for people, and the machine it ran on. */
import { cpus, totalmem } from 'node:os';

/** One benchmark's outcome. With a promise that was not kept, or a figure that is null because its peer could not be had, the run exits non-zero. */
export interface BenchResult {
  readonly figures: Readonly<Record<string, number | null>>;
  /** Lines for people: what was measured, beside what, with the spread. */
  readonly table: readonly string[];
  /** What it promises whatever the machine; default nothing. */
  readonly promises?: readonly BenchPromise[];
}

/** What a benchmark promises on every machine. */
export interface BenchPromise {
  /** In words: `herd: one fetch from the upstream`. */
  readonly text: string;
  readonly isKept: boolean;
  /** What was seen instead: `7 fetches`. */
  readonly found: string;
}

/** How a benchmark is run. */
export interface BenchOptions {
  /** The long form: more bytes, more rounds. Without it a run ends in 45 s. */
  readonly full: boolean;
  /** Clients at once, where a benchmark has many; default its own number. */
  readonly clients?: number | undefined;
  /** Says what is going on, for people who wait. */
  readonly progress: (line: string) => void;
}

/** A benchmark. */
export type Bench = (options: BenchOptions) => Promise<BenchResult>;

/** The machine, as far as it decides figures. */
export function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 1024 ** 3);
  return `${cpus().length} x ${cpu?.model.trim() ?? 'unknown'}, ${memory} GiB, Node ${process.versions.node}`;
}

/** The middle one; the mean of the two in the middle when their number is even. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
  return (upper + lower) / 2;
}

/** Smallest, median and largest in one text. */
export function spread(values: readonly number[], digits = 0): string {
  const show = (value: number): string => value.toFixed(digits);
  return `${show(median(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))})`;
}
