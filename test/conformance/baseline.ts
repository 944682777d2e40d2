/** The tests that are known to pass, through both doors and on both stores: none of them may stop doing so. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SUITE_VERSION } from './suite-package.ts';
import type { Verdict } from './verdict.ts';

const FILE = fileURLToPath(new URL('passing.json', import.meta.url));

interface Baseline {
  readonly suite: string;
  /** Ids, sorted; behaviour tests, which nobody can fail, are not among them. */
  readonly passing: readonly string[];
}

/** The committed ids. @throws Error when they belong to another version of the suite */
export function readBaseline(): readonly string[] {
  const { suite, passing } = JSON.parse(readFileSync(FILE, 'utf8')) as Baseline;
  if (suite !== SUITE_VERSION)
    throw new Error(`passing.json is of version ${suite} of the suite, not ${SUITE_VERSION}`);
  return passing;
}

/** Writes what passed in every one of these runs. */
export function writeBaseline(runs: readonly (readonly Verdict[])[]): void {
  const [first = [], ...others] = runs.map(passedIds);
  const passing = first.filter((id) => others.every((ids) => ids.includes(id)));
  const baseline: Baseline = { suite: SUITE_VERSION, passing };
  writeFileSync(FILE, `${JSON.stringify(baseline, null, 2)}\n`);
}

/** The ids of the baseline that did not pass; one that the suite no longer has did not either. */
export function lostIds(verdicts: readonly Verdict[], baseline: readonly string[]): string[] {
  const passed = new Set(passedIds(verdicts));
  return baseline.filter((id) => !passed.has(id));
}

function passedIds(verdicts: readonly Verdict[]): string[] {
  const passed = verdicts.filter(({ test, outcome }) => test.kind !== 'check' && outcome === 'passed');
  return passed.map(({ test }) => test.id).toSorted();
}
