import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reconnectDelayMs } from './redis-client.ts';

test('attempts to connect come ever more slowly, never more than a second apart, and never end', () => {
  expect([1, 2, 3, 4, 5, 6, 1000, 1e9].map((attempt) => reconnectDelayMs(attempt, 0))).toEqual([
    50, 100, 200, 400, 800, 1000, 1000, 1000,
  ]);
});

test('replicas do not come back in step', () => {
  const attempt = fc.integer({ min: 1, max: 1e6 });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(attempt, random, (nth, chance) => {
      const longest = reconnectDelayMs(nth, 0);
      expect(reconnectDelayMs(nth, chance)).toBeGreaterThanOrEqual(longest * 0.8 - 1);
      expect(reconnectDelayMs(nth, chance)).toBeLessThanOrEqual(longest);
    }),
  );
});
