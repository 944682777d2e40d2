import { decode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeLayout,
  decodeRecords,
  encodeLayout,
  encodeRecords,
  encodeValue,
  fieldNames,
  keepFieldOrder,
  losesOrder,
} from './index.ts';
import type { RecordObject } from './index.ts';

const names = fc.shuffledSubarray(['b', '10', '2', 'a', '0', '01', '-1', '4294967294', '4294967295', '1e3']);

function recordOf(written: readonly string[]): RecordObject {
  const record = Object.fromEntries(written.map((name) => [name, `value of ${name}`]));
  if (losesOrder(written)) keepFieldOrder(record, written);
  return record;
}

test('it is known which names an object lists in another order', () => {
  fc.assert(
    fc.property(names, (written) => {
      const listed = Object.keys(Object.fromEntries(written.map((name) => [name, 1])));
      expect(losesOrder(written)).toBe(String(listed) !== String(written));
    }),
  );
});

test('fields come back in the order in which they were written, and written again they are the same bytes', () => {
  fc.assert(
    fc.property(fc.array(names, { maxLength: 8 }), fc.nat(3), (shapes, repeats) => {
      const all = shapes.flatMap((written) => Array.from({ length: repeats }, () => written));
      const content = encodeRecords(all.map(recordOf));
      const decoded = decodeRecords(content) as RecordObject[];
      expect(decoded.map(fieldNames)).toEqual(all);
      expect(decoded).toEqual(all.map(recordOf));
      expect(encodeRecords(decoded).equals(content)).toBe(true);
      expect(encodeLayout(decodeLayout(content)).equals(content)).toBe(true);
    }),
  );
});

test('records that share one list of names are still told apart by their fields', () => {
  const written = ['b', '2', '1'];
  const records = [
    { b: 1, '2': 2, '1': 3 },
    { b: 1, '2': 2, '1': 3, later: 4 },
    { b: 1, '2': 2 },
  ];
  for (const record of records) keepFieldOrder(record, written);
  const decoded = decodeRecords(encodeRecords(records)) as RecordObject[];
  expect(decoded.map(fieldNames)).toEqual([
    ['b', '2', '1'],
    ['b', '2', '1', 'later'],
    ['b', '2'],
  ]);
  expect(decoded).toEqual(records);
});

test('a record by itself is MessagePack in its order', () => {
  const packed = encodeValue(recordOf(['b', '10', '2']));
  const keys: unknown[] = [];
  decode(packed, { mapKeyConverter: (key) => (keys.push(key), key as string) });
  expect(keys).toEqual(['b', '10', '2']);
});
