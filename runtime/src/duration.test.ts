import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

describe('durations', () => {
  it.each([
    ['250', 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', 's', '-1s', '1 s', '5min', '1e3', '30S', '1h 30m', '30s5'])('refuses "%s"', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it.each([
    [0, '0ms'],
    [0.25, '0.3ms'],
    [250, '250ms'],
    [999.6, '1s'],
    [1500, '1.5s'],
    [59_960, '1m'],
    [600_000, '10m'],
    [5_400_000, '1h30m'],
    [3_599_900, '1h'],
    [187_200_000, '2d4h'],
    [-1500, '-1.5s'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('reads back what it wrote to within the last unit shown', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), (ms) => {
        const read = parseDuration(formatDuration(ms));
        expect(read).toBeDefined();
        expect(Math.abs((read ?? 0) - ms)).toBeLessThanOrEqual(Math.max(1, ms * 0.03));
      }),
    );
  });
});
