import { expect, it } from 'vitest';
import { RuleMark, RuleWatch } from './rule-watch.ts';

function watched(everyMs: number): { mark: RuleMark; watch: RuleWatch } {
  const watch = new RuleWatch(everyMs);
  return { mark: new RuleMark(watch.memory), watch };
}

it('tells for how long one call has been under way, and of none or of the next one nothing', () => {
  const { mark, watch } = watched(100);
  expect(watch.stuckMs(1000)).toBe(0);
  mark.enter(7);
  expect([1100, 1200, 1310].map((nowMs) => watch.stuckMs(nowMs))).toEqual([0, 100, 210]);
  expect(watch.place).toBe(', about record 7');
  mark.leave();
  expect(watch.stuckMs(1400)).toBe(0);
  mark.enter(8);
  expect([1500, 1600].map((nowMs) => watch.stuckMs(nowMs))).toEqual([0, 100]);
  mark.leave();
  mark.enter(9);
  expect([1700, 1800].map((nowMs) => watch.stuckMs(nowMs))).toEqual([0, 100]);
});

it('blames no rule for a process that was stopped', () => {
  const { mark, watch } = watched(100);
  mark.enter(1);
  expect([1000, 1100, 61_000, 61_100].map((nowMs) => watch.stuckMs(nowMs))).toEqual([0, 100, 300, 400]);
});
