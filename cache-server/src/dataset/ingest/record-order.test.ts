import { ExactNumber } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { orderedRecords, sortedRun } from './record-order.ts';

const value = fc.oneof(
  fc.constantFrom<RecordValue>(
    null,
    true,
    false,
    'é',
    '\u{1F600}',
    '\uffff',
    2n ** 60n,
    new ExactNumber('1e400'),
    [1],
  ),
  fc.integer({ min: -3, max: 3 }),
);
const record = fc.record({ a: value, b: fc.nat(2), at: fc.nat() }, { requiredKeys: ['b', 'at'] });

it('merges sorted runs to what sorting all of them gives, equal ones in the order of the runs', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(record, { maxLength: 8 }), { maxLength: 4 }), async (runs) => {
      const order = ['b', 'a'];
      const merged: RecordValue[] = [];
      for await (const piece of orderedRecords(
        runs.map((run) => [sortedRun(run, order)]),
        order,
      ))
        merged.push(...piece);
      expect(merged).toEqual(sortedRun(runs.flat(), order));
    }),
  );
});

it('puts absent before null, booleans, numbers and text by its UTF-8, and what has no order last', () => {
  const values = [
    undefined,
    null,
    false,
    true,
    -1,
    2n ** 60n,
    new ExactNumber('1e400'),
    'a',
    '\uffff',
    '\u{1F600}',
    [1],
  ];
  const records = values.map((a, at) => (a === undefined ? { at } : { a, at }));
  const shuffled = records.toReversed();
  expect(sortedRun(shuffled, ['a'])).toEqual(records);
});
