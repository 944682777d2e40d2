import { expect, test } from 'vitest';
import { CacheServerError } from '../errors.ts';
import { ManualClock } from '../get-entry.fixture.ts';
import { FailedRefreshes } from './failed-refreshes.ts';

test.each([
  ['set back by an hour', -3_600_000, 2],
  ['right', 599_999, 1],
])('a rule that goes on failing while the clock is %s is told of as often as it should', (_, ms, lines) => {
  const clock = new ManualClock();
  const told: unknown[] = [];
  const failures = new FailedRefreshes(
    { warn: (...line: unknown[]) => void told.push(line) } as never,
    clock,
  );
  const due = { upstream: 'a', rule: { path: '/x' } } as never;
  const away = new CacheServerError('upstream-unreachable', 'a refused the connection');
  failures.failed(due, away);
  clock.pass(ms);
  failures.failed(due, away);
  failures.failed(due, away);
  expect(told).toHaveLength(lines);
});
