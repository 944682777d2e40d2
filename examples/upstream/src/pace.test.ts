import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pace } from './pace.ts';

test('ten kilobytes a second go out as one kilobyte every 100 ms', () => {
  const pace = new Pace(10_000, 0);
  expect(pace.stepBytes).toBe(1000);
  expect([0, 1000, 2000].map((sent) => pace.dueInMs(sent, 0))).toEqual([0, 100, 200]);
});

test('a fast pace keeps its steps small, a slow one takes at least a byte', () => {
  expect(new Pace(1e9, 0).stepBytes).toBe(64 * 1024);
  expect(new Pace(1, 0).stepBytes).toBe(1);
});

test('a client that stalled may catch up on a tenth of a second only', () => {
  const pace = new Pace(10_000, 0);
  expect(pace.dueInMs(1000, 10_000)).toBe(0);
  expect(pace.dueInMs(2000, 10_000)).toBe(0);
  expect(pace.dueInMs(4000, 10_000)).toBe(200);
});

test('without stalls the whole body takes its length over its pace', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e8 }),
      fc.integer({ min: 0, max: 500 }),
      (bytesPerSecond, steps) => {
        const pace = new Pace(bytesPerSecond, 0);
        let nowMs = 0;
        for (let step = 0; step <= steps; step += 1) nowMs += pace.dueInMs(step * pace.stepBytes, nowMs);
        expect(nowMs).toBeCloseTo((steps * pace.stepBytes * 1000) / bytesPerSecond, 3);
      },
    ),
  );
});
