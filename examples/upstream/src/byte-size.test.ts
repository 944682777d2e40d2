import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseByteSize } from './byte-size.ts';

test.each([
  ['0', 0],
  ['1000', 1000],
  ['50MB', 50_000_000],
  ['50mb', 50_000_000],
  ['1GiB', 1024 ** 3],
  ['64kib', 65_536],
  ['1.5KB', 1500],
])('%s is %d bytes', (text, bytes) => {
  expect(parseByteSize(text)).toBe(bytes);
});

test.each(['', 'MB', '-1', '1e3', '1XB', '1 MB', '0.5', '99999999999TB'])('"%s" is no size', (text) => {
  expect(parseByteSize(text)).toBeUndefined();
});

test('any whole number reads as itself', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseByteSize(String(bytes)) === bytes));
});
