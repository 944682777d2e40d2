import { expect, test } from 'vitest';
import { negotiateCoding } from './content-coding.ts';

test.each([
  [undefined, 'identity'],
  ['', 'identity'],
  ['gzip', 'gzip'],
  ['gzip, deflate, br', 'br'],
  ['gzip;q=1, br;q=0.5', 'gzip'],
  ['br;q=0', 'identity'],
  ['*', 'br'],
  ['*;q=0.1, br;q=0', 'gzip'],
  ['identity, gzip;q=0.5', 'identity'],
  ['GZip', 'gzip'],
  ['zstd', 'identity'],
  ['identity;q=0', 'identity'],
])('for %s the coding is %s', (field, coding) => {
  expect(negotiateCoding(field)).toBe(coding);
});
