import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRange } from './byte-range.ts';

test.each([
  ['bytes=0-0', { from: 0, to: 1 }],
  ['bytes=5-', { from: 5, to: 10 }],
  ['bytes=5-99', { from: 5, to: 10 }],
  ['bytes=-3', { from: 7, to: 10 }],
  ['bytes=-99', { from: 0, to: 10 }],
  ['BYTES=1-2', { from: 1, to: 3 }],
  ['bytes=10-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
])('of ten bytes, %s selects %o', (field, expected) => {
  expect(readRange(field, 10)).toEqual(expected);
});

test.each([undefined, '', 'bytes=-', 'bytes=3-2', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=a-b'])(
  'a field of %s is ignored',
  (field) => {
    expect(readRange(field, 10)).toBeUndefined();
  },
);

test('an empty body satisfies no range', () => {
  expect(readRange('bytes=0-', 0)).toBe('unsatisfiable');
});

test('a range never leaves the body', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), fc.nat(1000), (first, last, byteLength) => {
      const range = readRange(`bytes=${first}-${last}`, byteLength);
      if (typeof range !== 'object') return true;
      return range.from === first && range.from < range.to && range.to <= byteLength;
    }),
  );
});
