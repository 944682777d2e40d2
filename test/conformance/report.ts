/** What people read of a conformance run. */
import type { JudgedRun } from './judged-run.ts';
import { ON_A_NEWER_SUITE } from './other-caches.ts';
import type { PublishedCounts } from './other-caches.ts';
import { OUT_OF_REACH } from './out-of-reach.ts';
import { SUITE_VERSION } from './suite-package.ts';
import type { Combination } from './suite-run.ts';
import type { Count, Counts, Verdict } from './verdict.ts';

const NAME_WIDTH = 40;
const COUNT_WIDTH = 14;

/** A combination in two words. */
export function combinationName({ door, store }: Combination): string {
  return `${door} door, ${store} store`;
}

/** Our counts beside those of others. */
export function countsTable(
  runs: readonly JudgedRun[],
  worst: Counts,
  published: readonly PublishedCounts[],
): string[] {
  return [
    row('', ['required', 'optimal', 'behaviour']),
    ...runs.map(({ combination, counts }) =>
      countsRow({ name: `Pannier, ${combinationName(combination)}`, ...counts }),
    ),
    ...(runs.length > 1 ? [countsRow({ name: 'Pannier, the worst of these', ...worst })] : []),
    `others, published with this version of the suite (${SUITE_VERSION}):`,
    ...published.map(countsRow),
    'others, published on a newer version of the suite, with other totals:',
    ...ON_A_NEWER_SUITE.map(countsRow),
  ];
}

function countsRow({ name, required, optimal, check }: PublishedCounts): string {
  return row(name, [required, optimal, check].map(share));
}

function share(count: Count | undefined): string {
  return count === undefined ? '' : `${count.passed} of ${count.total}`;
}

function row(name: string, cells: readonly string[]): string {
  return `  ${name.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padEnd(COUNT_WIDTH)).join('')}`.trimEnd();
}

/** Each requirement and each optimum that was missed, why, and where when not everywhere. */
export function missesList(runs: readonly JudgedRun[]): string[] {
  const misses = new Map<string, { verdict: Verdict; where: string[] }>();
  for (const { combination, verdicts } of runs) {
    for (const verdict of verdicts) {
      const { test, outcome } = verdict;
      if (test.kind === 'check' || outcome === 'passed') continue;
      const miss = misses.get(test.id) ?? { verdict, where: [] };
      miss.where.push(combinationName(combination));
      misses.set(test.id, miss);
    }
  }
  return (['required', 'optimal'] as const).flatMap((kind) => {
    const lines = [...misses.values()]
      .filter(({ verdict }) => verdict.test.kind === kind)
      .map(({ verdict: { test, reason }, where }) => {
        const place = where.length === runs.length ? '' : ` (${where.join('; ')})`;
        const excuse = OUT_OF_REACH[test.id];
        const why = excuse === undefined ? reason : `no cache can pass: ${excuse}`;
        return `  ${test.id}: ${test.name}\n      ${why}${place}`;
      });
    return [`${kind} and missed: ${lines.length}`, ...lines];
  });
}

/** What became of the tests that used to pass; empty when all of them do. */
export function baselineLines(runs: readonly JudgedRun[]): string[] {
  return runs.flatMap(({ combination, lost, secondTry }) => [
    ...lost.map((id) => `passed before and fails now: ${id} (${combinationName(combination)})`),
    ...secondTry.map((id) => `passed at the second try: ${id} (${combinationName(combination)})`),
  ]);
}
