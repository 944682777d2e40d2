import fc from 'fast-check';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FilterSchema } from '@pannier/proto';
import { expect, test } from 'vitest';
import { PannierError } from './errors.ts';
import { filterMessage, recordMatcher } from './record-filter.ts';
import type { FilterScalar } from './record-filter.ts';

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
      const init = filterMessage(filter);
      if (Object.keys(filter).length === 0) expect(init).toBeUndefined();
      else {
        const message = create(FilterSchema, init);
        expect(fromBinary(FilterSchema, toBinary(FilterSchema, message))).toEqual(message);
      }
    }),
  );
});

test.each([undefined, Number.NaN, {}, [undefined], new Date(0), () => 1])(
  'the value %s is refused',
  (value) => {
    expect(() => filterMessage({ field: value as never })).toThrow(PannierError);
  },
);
