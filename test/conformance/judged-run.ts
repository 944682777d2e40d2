/** A run of the suite, judged and held against the baseline. */
import { lostIds } from './baseline.ts';
import { runSuite } from './suite-run.ts';
import type { Combination } from './suite-run.ts';
import { countVerdicts, judge } from './verdict.ts';
import type { Counts, TestResult, Verdict } from './verdict.ts';

/** What came of one combination. */
export interface JudgedRun {
  readonly combination: Combination;
  readonly verdicts: readonly Verdict[];
  readonly counts: Counts;
  /** Ids of the baseline that missed, and passed when they were run once more. */
  readonly secondTry: readonly string[];
  /** Ids of the baseline that missed twice. */
  readonly lost: readonly string[];
}

/**
 * Runs one combination. A test of the baseline that misses is put to new processes once more, with few others: a hundred tests that sleep
 * at a time fill a busy machine, and a second that passed between two of their steps is nobody's fault.
 */
export async function judgedRun(
  suite: string,
  combination: Combination,
  baseline: readonly string[],
): Promise<JudgedRun> {
  const { tests, results } = await runSuite(suite, combination);
  const first = lostIds(judge(tests, results), baseline);
  const again = first.length === 0 ? {} : await retried(suite, combination, first);
  const verdicts = judge(tests, { ...results, ...again });
  const lost = lostIds(verdicts, baseline);
  const secondTry = first.filter((id) => !lost.includes(id));
  return { combination, verdicts, counts: countVerdicts(verdicts), secondTry, lost };
}

async function retried(
  suite: string,
  combination: Combination,
  ids: readonly string[],
): Promise<Record<string, TestResult>> {
  const { results } = await runSuite(suite, combination, { ids });
  return Object.fromEntries(Object.entries(results).filter(([, result]) => result === true));
}
