/** What one run of the tests came to. */
export interface TestCounts {
  passed: number;
  failed: number;
  /** Why something that vitest does not call failed was counted as failed, one line each. */
  remarks: string[];
  /** Test files that ran, by group (`unit`, `e2e` …). */
  filesByGroup: Record<string, number>;
}

/** The line that ends every test run, for people and for machines. */
export function countLine(counts: Pick<TestCounts, 'passed' | 'failed'>): string {
  return `${counts.passed} passed, ${counts.failed} failed`;
}
