import fc from 'fast-check';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FilterSchema } from '@pannier/proto';
import { expect, test } from 'vitest';
import { PannierError } from './errors.ts';
import { filterMessage } from './filter-message.ts';
import { allOf, anyOf, not, plainFilter, recordMatcher } from './record-filter.ts';
import type { FilterScalar, RecordFilter } from './record-filter.ts';

const scalar = fc.oneof(
  fc.constantFrom<FilterScalar>(null, true, false, '', 'CZ', 0, 1, -1.5, 2n ** 60n, 7n),
  fc.string(),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);

test('a record passes when each field has one of its values', () => {
  fc.assert(
    fc.property(fc.uniqueArray(scalar, { maxLength: 5 }), scalar, (values, actual) => {
      const expected = values.some((value) => {
        if (typeof value === typeof actual) return value === actual;
        // Numbers and bigints are equal when they are the same integer; < and > compare them exactly.
        const numeric = [typeof value, typeof actual].toSorted().join() === 'bigint,number';
        return numeric && !(value! < actual!) && !(value! > actual!);
      });
      expect(recordMatcher({ field: values })({ field: actual, other: 1 })).toBe(expected);
    }),
  );
});

test('absent is not null, and what is no object passes no filter', () => {
  expect(recordMatcher({ a: null })({})).toBe(false);
  expect(recordMatcher({ a: null })({ a: null })).toBe(true);
  expect(recordMatcher({ a: 1 })(null)).toBe(false);
  expect(recordMatcher({ toString: 1 })({})).toBe(false);
  expect(recordMatcher({})(17)).toBe(true);
});

test('every filter has a message that survives the wire', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.oneof(scalar, fc.array(scalar))), (filter) => {
      const plain = plainFilter(filter);
      if (Object.keys(filter).length === 0) expect(plain).toBeUndefined();
      else {
        const message = create(FilterSchema, filterMessage(plain!));
        expect(fromBinary(FilterSchema, toBinary(FilterSchema, message))).toEqual(message);
      }
    }),
  );
});

test.each<unknown>([
  undefined,
  Number.NaN,
  {},
  [undefined],
  new Date(0),
  () => 1,
  { toString: 5 },
  { valueOf: 5, eq: 1 },
])('the value %s is refused', (value) => {
  expect(() => plainFilter({ field: value as never })).toThrow(PannierError);
});

type Some = Record<string, unknown>;

test('every form that a filter is written in means what it says', () => {
  const city = { country: 'CZ', lat: 50, note: null };
  const pass: RecordFilter[] = [
    { country: 'CZ', lat: { gte: 50, lt: 51 } },
    { country: { ne: 'DE' }, none: { ne: 1 } },
    { lat: { in: [49, 50n] }, country: { prefix: 'C' } },
    { note: null },
    anyOf<Some>({ country: 'DE' }, { lat: { gt: 49 } }),
    anyOf({}),
    allOf<Some>({ country: 'CZ' }, not({ lat: { lte: 49 } })),
    not(anyOf<Some>({ country: 'DE' }, { none: null })),
  ];
  for (const filter of pass) {
    expect(recordMatcher(filter)(city)).toBe(true);
    expect(recordMatcher(not(filter))(city)).toBe(false);
  }
});

interface City {
  name: string;
  country: string;
  lat: number;
}

test('combined filters take the fields of the records that they are for', () => {
  // What is tested is that it compiles.
  const taken: RecordFilter<City>[] = [
    anyOf({ country: 'CZ' }, { name: 'London' }),
    allOf({ country: 'CZ' }, not({ lat: { gt: 50 } }), anyOf({ name: 'Brno' }, { lat: 49 })),
  ];
  const apart = anyOf({ country: 'CZ' }, { name: 'London' });
  const used: RecordFilter<City> = apart;
  expect([...taken, used].map((filter) => recordMatcher(filter as RecordFilter)({ country: 'CZ' }))).toEqual([
    true,
    false,
    true,
  ]);
});
