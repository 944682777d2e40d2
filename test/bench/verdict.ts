/** Whether a benchmark kept what it promises. A promise is about what was asked, sent and received; how long it took never breaks one. */
import type { BenchPromise, BenchResult } from './bench.ts';

/** One line for each promise that was broken and each figure that could not be had; the run exits non-zero when there is any. */
export function complaints({ figures, promises = [] }: BenchResult): string[] {
  const broken = promises.filter(({ isKept }) => !isKept);
  const missing = Object.entries(figures).filter(([, value]) => value === null);
  return [
    ...broken.map(({ text, found }) => `promise broken: ${text}; found: ${found}`),
    ...missing.map(([name]) => `no figure: ${name}, for what it is measured beside is not to be had here`),
  ];
}

/** A promise of a number. */
export function exactly(text: string, found: number, promised: number): BenchPromise {
  return { text, isKept: found === promised, found: String(found) };
}

/** A promise of a bound. A number that is none keeps no promise. */
export function atMost(text: string, found: number, promised: number): BenchPromise {
  return { text, isKept: found <= promised, found: String(found) };
}

/** That nothing went wrong; `failures` by what they were. */
export function noFailures(text: string, failures: Readonly<Record<string, number>>): BenchPromise {
  const found = Object.entries(failures).map(([what, count]) => `${count} x ${what}`);
  return { text, isKept: found.length === 0, found: found.join(', ') };
}
