import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ExactNumber, numberFromText } from './exact-number.ts';

test('numbers that a double prints back are numbers', () => {
  for (const text of [
    '0',
    '-0',
    '1.50',
    '1e3',
    '0.1',
    '1E-7',
    '123456789012345',
    '5e-324',
    '1.7976931348623157e308',
    '0.0',
    '0e9',
  ]) {
    expect(numberFromText(text)).toBe(Number(text));
  }
});

test('integers of 64 bits that a double would round are bigints', () => {
  expect(numberFromText('9007199254740993')).toBe(9_007_199_254_740_993n);
  expect(numberFromText('-9223372036854775808')).toBe(-9_223_372_036_854_775_808n);
  expect(numberFromText('-9223372036854775807')).toBe(-9_223_372_036_854_775_807n);
  expect(numberFromText('18446744073709551615')).toBe(18_446_744_073_709_551_615n);
});

test('all other numbers keep their text', () => {
  for (const text of [
    '1e400',
    '-1e400',
    '1e-400',
    '18446744073709551617',
    '0.1000000000000000055511151231257827',
    '9007199254740993.5',
  ]) {
    expect(numberFromText(text)).toEqual(new ExactNumber(text));
  }
});

test('every double is read back as itself from what JSON writes', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(numberFromText(JSON.stringify(value))).toBe(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('no integer loses a digit', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (integer) => {
      const read = numberFromText(String(integer));
      expect(BigInt(read instanceof ExactNumber ? read.text : read)).toBe(integer);
    }),
  );
});

test('an exact number prints its own digits and counts as the nearest double', () => {
  const exact = new ExactNumber('0.30000000000000000001');
  expect(String(exact)).toBe('0.30000000000000000001');
  expect(Number(exact)).toBe(0.3);
  expect(JSON.stringify({ exact })).toBe('{"exact":0.30000000000000000001}');
});
