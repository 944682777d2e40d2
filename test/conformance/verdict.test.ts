import { describe, expect, it } from 'vitest';
import { lostIds } from './baseline.ts';
import { countVerdicts, judge, worstOf } from './verdict.ts';
import type { SuiteTest } from './verdict.ts';

const test = (id: string, fields: Partial<SuiteTest> = {}): SuiteTest => ({
  id,
  name: id,
  kind: 'required',
  group: 'g',
  dependsOn: [],
  ...fields,
});

describe('the verdict on a test of the suite', () => {
  it('is passed, failed or not put to the cache, with the reason', () => {
    const verdicts = judge([test('a'), test('b'), test('c'), test('d')], {
      a: true,
      b: ['Assertion', 'Response 2 comes from cache'],
      c: ['Setup', 'retry'],
    });
    expect(verdicts.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['passed', ''],
      ['failed', 'Response 2 comes from cache'],
      ['setup', 'Setup: retry'],
      ['setup', 'Setup: not run'],
    ]);
  });

  it('is not passed when a test that it depends on is not, however far away, whatever their order', () => {
    const tests = [test('c', { dependsOn: ['b'] }), test('b', { dependsOn: ['a'] }), test('a')];
    const outcomes = judge(tests, { a: ['Assertion', 'no'], b: true, c: true }).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['dependency', 'dependency', 'failed']);
  });

  it('is counted by kind, and the worst of several runs is taken kind by kind', () => {
    const tests = [test('a'), test('b', { kind: 'optimal' }), test('c', { kind: 'check' })];
    const one = countVerdicts(judge(tests, { a: true, b: ['Assertion', 'no'], c: true }));
    const other = countVerdicts(judge(tests, { a: ['Assertion', 'no'], b: true, c: true }));
    expect(worstOf([one, other])).toEqual({
      required: { passed: 0, total: 1 },
      optimal: { passed: 0, total: 1 },
      check: { passed: 1, total: 1 },
    });
  });
});

describe('the baseline', () => {
  it('names what no longer passes, and what is no longer there', () => {
    const verdicts = judge([test('a'), test('b')], { a: true, b: ['Assertion', 'no'] });
    expect(lostIds(verdicts, ['a', 'b', 'gone'])).toEqual(['b', 'gone']);
  });
});
