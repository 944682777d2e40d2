import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

const rates = fc.record({
  requests: fc.integer({ min: 1, max: 50 }),
  per: fc.integer({ min: 10, max: 10_000 }),
  burst: fc.integer({ min: 1, max: 20 }),
});

test('no span of time sees more than what lay ready and what was due within it', () => {
  fc.assert(
    fc.property(rates, fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 200 }), (rate, pauses) => {
      const bucket = new TokenBucket(rate, 0);
      const takenMs: number[] = [];
      let now = 0;
      for (const pause of pauses) {
        now += pause;
        if (bucket.take(now) === 0) takenMs.push(now);
      }
      const tokenMs = rate.per / rate.requests;
      for (const [from, startMs] of takenMs.entries())
        for (const [to, endMs] of takenMs.entries())
          if (to >= from)
            expect(to - from + 1).toBeLessThanOrEqual(rate.burst + (endMs - startMs) / tokenMs + 1e-6);
    }),
    { numRuns: 50 },
  );
});

test('whoever waits as long as he is told gets his token', () => {
  fc.assert(
    fc.property(rates, fc.integer({ min: 1, max: 4 }), (rate, servers) => {
      const bucket = new TokenBucket(rate, 0);
      let now = 0;
      for (let count = 0; count < 50; count += 1) {
        const waitMs = bucket.take(now, 1 / servers);
        now += waitMs;
        if (waitMs > 0) expect(bucket.take(now, 1 / servers)).toBe(0);
      }
    }),
  );
});
