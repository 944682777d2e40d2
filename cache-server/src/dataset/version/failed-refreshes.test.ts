import { expect, test } from 'vitest';
import { FailedRefreshes } from './failed-refreshes.ts';

test('what fails again and again is tried less and less often, up to every five minutes', () => {
  let nowMs = 0;
  const failures = new FailedRefreshes({ now: () => nowMs });
  const waits = Array.from({ length: 9 }, () => {
    failures.add('d', { error: new Error('no'), cut: 'a' });
    const fromMs = nowMs;
    while (failures.standing('d') !== undefined) nowMs += 1_000;
    return (nowMs - fromMs) / 1_000;
  });
  expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
  failures.clear('d');
  failures.add('d', { error: new Error('no'), cut: 'a' });
  expect(failures.standing('d')?.retryAtMs).toBe(nowMs + 5_000);
  expect(failures.standing('other')).toBeUndefined();
});
