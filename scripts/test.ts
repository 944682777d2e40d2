import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkSteps, runCheckSteps } from './check-steps.ts';
import { findOrInstall, REDIS } from './debian-program.ts';
import { countLine } from './test-counts.ts';
import type { TestCounts } from './test-counts.ts';
import { runTool } from './tool-process.ts';

/**
 * `npm test`: the check steps, then every test, and as its last line the true count of both.
 *
 * `npm test -- unit test/e2e/hit.test.ts -t resume` narrows it: a group's name or a path selects test files, anything
 * that starts with a dash goes to vitest as it is. The check steps are then left out, and said to be.
 */
const GROUPS = ['tidy', 'unit', 'contract', 'simulation', 'integration', 'conformance', 'e2e'];
const TESTS_TIMEOUT_MS = 45 * 60_000;

const filters = process.argv.slice(2);
if (findOrInstall(REDIS) === null) process.exit(1);

const checks = await check();
const tests = await test();
const total = { passed: checks.passed + tests.passed, failed: checks.failed + tests.failed };
console.log(`check steps: ${countLine(checks)}; tests: ${countLine(tests)}`);
console.log(countLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;

async function check(): Promise<{ passed: number; failed: number }> {
  if (filters.length > 0) {
    console.log('Only some tests were asked for: the steps of `npm run check` are left out.');
    return { passed: 0, failed: 0 };
  }
  // The house numbers are a test group as well, and run below with the others.
  return await runCheckSteps(checkSteps.filter((step) => step.name !== 'house numbers'));
}

async function test(): Promise<TestCounts> {
  const directory = mkdtempSync(join(tmpdir(), 'pannier-test-'));
  const countsFile = join(directory, 'counts.json');
  try {
    const args = filters.flatMap((filter) => (GROUPS.includes(filter) ? ['--project', filter] : [filter]));
    const env = { COUNTS_FILE: countsFile };
    const { ok } = await runTool(['vitest', 'run', ...args], {
      output: 'inherit',
      timeoutMs: TESTS_TIMEOUT_MS,
      env,
    });
    return withMissingGroups(readCounts(countsFile, ok));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A run that died before it counted, or that failed without a failed test, is one failure. */
function readCounts(file: string, ok: boolean): TestCounts {
  let counts: TestCounts = { passed: 0, failed: 0, remarks: [], filesByGroup: {} };
  try {
    counts = JSON.parse(readFileSync(file, 'utf8')) as TestCounts;
  } catch (error) {
    console.log(`counted as failed: the run ended without its counts (${String(error)})`);
  }
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/** A group whose files were moved or lost must not pass for a group that passed. */
function withMissingGroups(counts: TestCounts): TestCounts {
  if (filters.length > 0) return counts;
  const missing = GROUPS.filter((group) => counts.filesByGroup[group] === undefined);
  for (const group of missing) console.log(`counted as failed: no test file of the group ${group} ran`);
  return { ...counts, failed: counts.failed + missing.length };
}
