import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeLayout,
  decodeRecords,
  encodeLayout,
  encodeRecords,
  ExactNumber,
  layoutRecords,
  recordsOf,
  rowsOf,
} from './index.ts';
import type { RecordValue } from './index.ts';
import { packValue } from './message-pack.ts';

const scalar: fc.Arbitrary<RecordValue> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.boolean(),
  fc.constant(null),
  fc.integer(),
  fc.double().map((value) => (Object.is(value, -0) ? 0 : value)),
  fc.constantFrom<RecordValue>(
    1_700_000_000_000,
    -(2 ** 31) - 1,
    2 ** 32,
    2 ** 53,
    2n ** 63n,
    -(2n ** 63n),
    9_007_199_254_740_993n,
    new ExactNumber('1e400'),
  ),
);
const value = fc.oneof(
  { weight: 4, arbitrary: scalar },
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('x', 'y'), scalar, { noNullPrototype: true }),
);
const record = fc
  .shuffledSubarray(['id', 'name', 'at'])
  .chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), value))))
  .map((fields): RecordValue => Object.fromEntries(fields));
const records = fc.array(fc.oneof({ weight: 8, arbitrary: record }, value), { maxLength: 12 });

test('columns written are the bytes of their records, and columns read are written to the same bytes again', () => {
  fc.assert(
    fc.property(records, (some) => {
      const content = encodeRecords(some);
      expect(encodeLayout(layoutRecords(some)).equals(content)).toBe(true);
      expect(encodeLayout(decodeLayout(content)).equals(content)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('columns stand for their records, in order', () => {
  fc.assert(
    fc.property(records, (some) => {
      const content = encodeRecords(some);
      const layout = decodeLayout(content);
      expect(recordsOf(layout)).toEqual(decodeRecords(content));
      expect(layout.blocks.reduce((sum, block) => sum + rowsOf(block), 0)).toBe(some.length);
    }),
  );
});

test('the bytes of records stay what they were when the format was laid down', () => {
  const content = encodeRecords([
    { id: 1, at: 1_700_000_000_000, lat: 50.5 },
    { id: 2, at: 9_007_199_254_740_993n, lat: null },
    { id: 3 },
    [1, 'two'],
    { id: 4, at: 0, lat: new ExactNumber('1e400') },
    {},
  ]);
  expect(createHash('sha256').update(content).digest('hex')).toBe(
    '013e2f0a06c596ea5284633fc61811253e5e4a0a2fa5906820eac694512d6ade',
  );
});

test('rows that no run names are malformed, for columns would tell of records that are not there', () => {
  const blocks = [[['a'], [[1, 2]]]];
  expect(() => decodeLayout(packValue([[0, 1], blocks]))).toThrow('a block outlasts its runs');
  expect(() => decodeLayout(packValue([[], blocks]))).toThrow('a block outlasts its runs');
  expect(decodeRecords(packValue([[0, 2], blocks]))).toEqual([{ a: 1 }, { a: 2 }]);
});
