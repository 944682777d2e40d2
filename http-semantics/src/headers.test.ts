import { expect, test } from 'vitest';
import { getHeader, getHeaderLines, getTokenList, hasHeader, trimOws, withoutHeaders } from './headers.ts';
import type { HeaderList } from './headers.ts';

const head: HeaderList = [
  ['Vary', ' Accept-Encoding ,, Origin'],
  ['ETag', '"a"'],
  ['vary', 'COOKIE\t'],
];

test('names match in any case, lines keep their order and lose the whitespace around them', () => {
  expect(getHeaderLines(head, 'vary')).toEqual(['Accept-Encoding ,, Origin', 'COOKIE']);
  expect(getHeader(head, 'vary')).toBe('Accept-Encoding ,, Origin, COOKIE');
  expect(getTokenList(head, 'vary')).toEqual(['accept-encoding', 'origin', 'cookie']);
  expect(hasHeader(head, 'etag')).toBe(true);
});

test('an absent field is undefined, an empty one is empty', () => {
  expect(getHeader(head, 'age')).toBeUndefined();
  expect(getHeader([['Age', ' ']], 'age')).toBe('');
});

test('every line of a removed name goes, the others stay as they were', () => {
  expect(withoutHeaders(head, new Set(['vary']))).toEqual([['ETag', '"a"']]);
});

test('only spaces and tabs count as whitespace', () => {
  expect(trimOws(' \t\u00a0a b\u0085\t ')).toBe('\u00a0a b\u0085');
});
