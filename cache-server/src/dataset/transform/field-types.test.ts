import { ExactNumber } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { expect, it, test } from 'vitest';
import { coerceFields } from './field-types.ts';
import type { FieldTypeName } from './field-types.ts';

const REFUSED = Symbol('refused');

function coerced(type: FieldTypeName, value: unknown): unknown {
  const record = { x: value } as Record<string, RecordValue>;
  const refused = coerceFields(record, [['x', type]]);
  if (refused !== undefined) expect(refused).toBe('x');
  return refused === undefined ? record['x'] : REFUSED;
}

const LATITUDE = new ExactNumber('52.5200065999999987');
const MANY_DIGITS = new ExactNumber('123456789012345678901234567890');

const READ: readonly (readonly [FieldTypeName, unknown, unknown])[] = [
  ['number', ' +1.50 ', 1.5],
  ['number', 7n, 7n],
  ['number', LATITUDE, LATITUDE],
  ['number', '52.5200065999999987', LATITUDE],
  ['number', '0x10', REFUSED],
  ['number', true, REFUSED],
  ['integer', '42', 42],
  ['integer', '9007199254740993', 9_007_199_254_740_993n],
  ['integer', MANY_DIGITS, MANY_DIGITS],
  ['integer', '123456789012345678901234567890', MANY_DIGITS],
  ['integer', 1.5, REFUSED],
  ['integer', LATITUDE, REFUSED],
  ['boolean', 'YES', true],
  ['boolean', 0, false],
  ['boolean', 'constructor', REFUSED],
  ['string', 1.5, '1.5'],
  ['string', new ExactNumber('1e400'), '1e400'],
  ['string', '', ''],
  ['string', ['a'], REFUSED],
  ['number', '', null],
  ['number', null, null],
];

test.each(READ)('as %s, %o is %o', (type, value, expected) => {
  expect(coerced(type, value)).toEqual(expected);
});

const TIMES: readonly (readonly [unknown, unknown])[] = [
  ['2024-06-01', Date.UTC(2024, 5, 1)],
  ['2024-06', Date.UTC(2024, 5, 1)],
  ['2024-06-01T10:00:00Z', Date.UTC(2024, 5, 1, 10)],
  ['2024-06-01 10:00:00.123456 +02:00', Date.UTC(2024, 5, 1, 8, 0, 0, 123)],
  ['2024-06-01T10:00:00-0130', Date.UTC(2024, 5, 1, 11, 30)],
  ['2024-06-01 (rubbish)', REFUSED],
  ['2023-02-31', REFUSED],
  [1717236000000, 1717236000000],
  [Infinity, REFUSED],
];

test.each(TIMES)('the timestamp of %o is %o', (value, expected) => {
  expect(coerced('timestamp', value)).toBe(expected);
});

it('reads a time without offset as UTC, wherever the server stands', () => {
  const zone = process.env['TZ'];
  try {
    for (const place of ['Asia/Tokyo', 'America/New_York']) {
      process.env['TZ'] = place;
      expect(coerced('timestamp', '2024-06-01T10:00:00')).toBe(Date.UTC(2024, 5, 1, 10));
    }
  } finally {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  }
});

it('leaves records without the field as they are, also where objects inherit its name', () => {
  const record: Record<string, RecordValue> = { a: '1' };
  expect(coerceFields(record, [['constructor', 'number']])).toBeUndefined();
  expect(record).toEqual({ a: '1' });
  expect(coerceFields(5, [['a', 'number']])).toBeUndefined();
});
