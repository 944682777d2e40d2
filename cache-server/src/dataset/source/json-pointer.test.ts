import { describe, expect, it } from 'vitest';
import { pointerValue } from './json-pointer.ts';

describe('a JSON Pointer', () => {
  // The document and the pointers of RFC 6901 §5.
  const document = {
    foo: ['bar', 'baz'],
    '': 0,
    'a/b': 1,
    'c%d': 2,
    'e^f': 3,
    'g|h': 4,
    'k"l': 6,
    ' ': 7,
    'm~n': 8,
  };

  it.each<[pointer: string, value: unknown]>([
    ['', document],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
  ])('"%s" finds what RFC 6901 says', (pointer, value) => {
    expect(pointerValue(document, pointer)).toEqual(value);
  });

  it.each(['/foo/2', '/foo/00', '/foo/-', '/foo/length', '/foo/0/0', '/toString', '/__proto__', '/bar'])(
    '"%s" finds nothing',
    (pointer) => {
      expect(pointerValue(document, pointer)).toBeUndefined();
    },
  );

  it('takes ~01 for ~1 and not for a slash', () => {
    expect(pointerValue({ '~1': 'tilde', '/': 'slash' }, '/~01')).toBe('tilde');
  });
});
