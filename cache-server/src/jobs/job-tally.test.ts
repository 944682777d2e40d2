import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobCounts } from './job-queue.ts';
import { JobTally } from './job-tally.ts';
import type { JobCheckpoint } from './job-tally.ts';

const ITEMS = 4;
const COUNTS = ['bytes', 'bytesTotal', 'records', 'partitions', 'itemsDone', 'attempts'] as const;

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ item: fc.nat(ITEMS - 1), bytes: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ finish: fc.nat(ITEMS - 1) }) },
  { weight: 1, arbitrary: fc.record({ fail: fc.nat(ITEMS - 1) }) },
  { weight: 1, arbitrary: fc.constant('another worker goes on' as const) },
);

test('no count of a job goes back, whatever arrives, fails, ends, and is begun anew by another worker', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let now = 0;
      let checkpoint: JobCheckpoint | undefined;
      let tally = new JobTally(ITEMS, undefined, () => now);
      let arrived = new Map<number, number>();
      let before: JobCounts | undefined;
      for (const one of steps) {
        now += 100;
        if (one === 'another worker goes on') {
          tally = new JobTally(ITEMS, checkpoint, () => now);
          arrived = new Map();
        } else if ('finish' in one) {
          if (tally.pending.includes(one.finish)) tally.finish(one.finish);
        } else if ('fail' in one) tally.fail(one.fail, `item ${one.fail}`, 'why');
        else if (tally.pending.includes(one.item)) {
          const bytes = (arrived.get(one.item) ?? 0) + one.bytes;
          arrived.set(one.item, bytes);
          tally.note(one.item, { bytes, bytesTotal: 100_000, records: bytes, partitions: 0 });
        }
        checkpoint = tally.checkpoint();
        for (const count of COUNTS) expect(checkpoint[count]).toBeGreaterThanOrEqual(before?.[count] ?? 0);
        before = checkpoint;
      }
    }),
  );
});

test('the time left is told by bytes where their number is known, else by parts', () => {
  let now = 0;
  const tally = new JobTally(2, undefined, () => now);
  now = 1000;
  expect(tally.checkpoint()).toMatchObject({ bytesTotal: 0, etaMs: 0 });
  tally.note(0, { bytes: 250, bytesTotal: 500, records: 0, partitions: 0 });
  tally.note(1, { bytes: 0, bytesTotal: undefined, records: 0, partitions: 0 });
  tally.finish(0);
  expect(tally.checkpoint()).toMatchObject({ bytesTotal: 0, itemsDone: 1, etaMs: 1000 });
  tally.note(1, { bytes: 250, bytesTotal: 1250, records: 0, partitions: 0 });
  expect(tally.checkpoint()).toMatchObject({ bytes: 500, bytesTotal: 1500, etaMs: 2000 });
});

test('no time is left for what has failed, whether its length is known or not', () => {
  let now = 0;
  const tally = new JobTally(4, undefined, () => now);
  const etaMs = (afterMs: number): number => {
    now += afterMs;
    return tally.checkpoint().etaMs;
  };
  for (const index of [0, 1, 2])
    tally.note(index, { bytes: 100, bytesTotal: 200, records: 0, partitions: 0 });
  tally.note(3, { bytes: 0, bytesTotal: undefined, records: 0, partitions: 0 });
  tally.finish(0);
  expect(etaMs(1000)).toBe(3000);
  tally.fail(3, 'item 3', 'its length was never known');
  expect(etaMs(0)).toBe(667);
  tally.fail(2, 'item 2', 'halfway');
  expect(etaMs(0)).toBe(333);
  tally.finish(1);
  for (const afterMs of [0, 1000]) expect(etaMs(afterMs)).toBe(0);
});
