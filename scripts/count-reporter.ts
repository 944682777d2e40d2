import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule, TestSuite, Vitest } from 'vitest/node';
import { countLine } from './test-counts.ts';
import type { TestCounts } from './test-counts.ts';

/**
 * Ends a vitest run with one line, `N passed, N failed`, that hides nothing: a skipped test, a file or suite that
 * broke before its tests ran, an error outside every test and a run without any test each count as failed.
 *
 * When COUNTS_FILE names a file the counts go there instead, for a program that prints the line itself.
 */
export class CountReporter implements Reporter {
  #narrowedByName = false;

  onInit(vitest: Vitest): void {
    this.#narrowedByName = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const counts = countTests(modules, {
      unhandledErrors: unhandledErrors.length,
      narrowedByName: this.#narrowedByName,
    });
    for (const line of counts.remarks) console.log(line);
    const file = process.env['COUNTS_FILE'];
    if (file === undefined || file === '') console.log(countLine(counts));
    else writeFileSync(file, JSON.stringify(counts));
  }
}

interface RunContext {
  readonly unhandledErrors: number;
  /** With `-t` vitest marks every other test as skipped; that was asked for, so it is not held against the run. */
  readonly narrowedByName: boolean;
}

function countTests(modules: readonly TestModule[], context: RunContext): TestCounts {
  const counts: TestCounts = { passed: 0, failed: 0, remarks: [], filesByGroup: {} };
  for (const module of modules) countModule(module, context, counts);
  fail(counts, context.unhandledErrors, 'error outside every test');
  if (counts.passed + counts.failed === 0) fail(counts, 1, 'run without any test');
  return counts;
}

function countModule(module: TestModule, context: RunContext, counts: TestCounts): void {
  const group = module.project.name;
  counts.filesByGroup[group] = (counts.filesByGroup[group] ?? 0) + 1;
  const suites: (TestModule | TestSuite)[] = [module, ...module.children.allSuites()];
  for (const suite of suites) {
    fail(counts, suite.errors().length > 0 ? 1 : 0, `suite broken: ${module.relativeModuleId}`);
  }
  for (const test of module.children.allTests()) {
    const result = test.result();
    const { state } = result;
    const note = result.state === 'skipped' && result.note !== undefined ? ` (${result.note})` : '';
    if (state === 'passed') counts.passed += 1;
    else if (state === 'failed') counts.failed += 1;
    else if (!context.narrowedByName)
      fail(counts, 1, `test ${state}: ${module.relativeModuleId} > ${test.fullName}${note}`);
  }
}

function fail(counts: TestCounts, count: number, reason: string): void {
  if (count === 0) return;
  counts.failed += count;
  counts.remarks.push(`counted as failed: ${reason}${count > 1 ? ` (${count})` : ''}`);
}
