/** What came of the suite's tests: verdicts by the suite's own rules, and their counts. */

/** - `required` the RFC demands it; `optimal` a cache that may reuse does; `check` asks only how a cache behaves. */
export type TestKind = 'required' | 'optimal' | 'check';

/** One test of the suite. */
export interface SuiteTest {
  readonly id: string;
  readonly name: string;
  readonly kind: TestKind;
  readonly group: string;
  /** Tests without which this one says nothing. */
  readonly dependsOn: readonly string[];
}

/** What the suite's client found: true, or a kind of error and its message. */
export type TestResult = true | readonly [kind: string, message: string];

/** A test and what came of it. */
export interface Verdict {
  readonly test: SuiteTest;
  /** `setup`: the test could not be put to the cache; `dependency`: one that it depends on did not pass. */
  readonly outcome: 'passed' | 'failed' | 'setup' | 'dependency';
  /** Why it did not pass; empty for one that did. */
  readonly reason: string;
}

/** How many of a kind passed. */
export interface Count {
  readonly passed: number;
  readonly total: number;
}

/** The counts of one run. */
export type Counts = Readonly<Record<TestKind, Count>>;

/** Judges each test as the suite's own result page does: one that depends on a failed test did not pass either. */
export function judge(tests: readonly SuiteTest[], results: Readonly<Record<string, TestResult>>): Verdict[] {
  const byId = new Map(tests.map((test) => [test.id, test]));
  const verdicts = new Map<string, Verdict>();
  const verdictOf = (test: SuiteTest): Verdict => {
    const known = verdicts.get(test.id);
    if (known !== undefined) return known;
    const missed = test.dependsOn.find((id) => {
      const needed = byId.get(id);
      return needed === undefined || verdictOf(needed).outcome !== 'passed';
    });
    const own = ownVerdict(test, results[test.id]);
    const verdict = missed === undefined ? own : dependent(own, missed);
    verdicts.set(test.id, verdict);
    return verdict;
  };
  return tests.map(verdictOf);
}

function ownVerdict(test: SuiteTest, result: TestResult | undefined): Verdict {
  if (result === true) return { test, outcome: 'passed', reason: '' };
  const [kind, message] = result ?? ['Setup', 'not run'];
  const outcome = kind === 'Setup' ? 'setup' : 'failed';
  return { test, outcome, reason: kind === 'Assertion' ? message : `${kind}: ${message}` };
}

function dependent({ test, outcome, reason }: Verdict, missed: string): Verdict {
  const own = outcome === 'passed' ? 'passes by itself' : `by itself: ${reason}`;
  return { test, outcome: 'dependency', reason: `depends on ${missed}; ${own}` };
}

/** Counts what passed, by kind. */
export function countVerdicts(verdicts: readonly Verdict[]): Counts {
  const count = (kind: TestKind): Count => {
    const ofKind = verdicts.filter(({ test }) => test.kind === kind);
    return { passed: ofKind.filter(({ outcome }) => outcome === 'passed').length, total: ofKind.length };
  };
  return { required: count('required'), optimal: count('optimal'), check: count('check') };
}

/** The smallest count of each kind: what a cache can be relied on for, whichever way it is used. */
export function worstOf([first, ...others]: readonly [Counts, ...Counts[]]): Counts {
  const smaller = (one: Count, other: Count): Count => (other.passed < one.passed ? other : one);
  return others.reduce(
    (worst, counts) => ({
      required: smaller(worst.required, counts.required),
      optimal: smaller(worst.optimal, counts.optimal),
      check: smaller(worst.check, counts.check),
    }),
    first,
  );
}
