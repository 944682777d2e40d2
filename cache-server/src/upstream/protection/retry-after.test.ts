import { expect, test } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const NOW = Date.UTC(2026, 0, 1);

test.each([
  ['120', 120_000],
  [' 0 ', 0],
  ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
  ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
  ['-5', undefined],
  ['1.5', undefined],
  ['soon', undefined],
])('Retry-After: %s', (value, ms) => {
  expect(retryAfterMs([['Retry-After', value]], NOW)).toBe(ms);
});

test('no Retry-After asks for nothing', () => {
  expect(retryAfterMs([], NOW)).toBeUndefined();
});
