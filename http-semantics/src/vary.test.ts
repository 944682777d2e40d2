import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HeaderList } from './headers.ts';
import { variantValues, varyNames } from './vary.ts';

const vary = (...lines: string[]): string[] | '*' => varyNames(lines.map((line) => ['Vary', line] as const));

test('names come in lower case, sorted and once', () => {
  expect(vary('Foo, bar', ' ,FOO,')).toEqual(['bar', 'foo']);
  expect(vary()).toEqual([]);
  expect(vary('')).toEqual([]);
});

/** The ids are those of vary-parse in https://github.com/http-tests/cache-tests */
test('an asterisk anywhere means anything, and so does garbage', () => {
  const anything: [id: string, lines: string[]][] = [
    ['vary-syntax-star', ['*']],
    ['vary-syntax-star-star', ['*, *']],
    ['vary-syntax-star-star-lines', ['*', '*']],
    ['vary-syntax-empty-star', [', *']],
    ['vary-syntax-empty-star-lines', ['', '*']],
    ['vary-syntax-star-foo', ['*, Foo']],
    ['vary-syntax-foo-star', ['Foo, *']],
    ['a space', ['a b']],
    ['quotes', ['"foo"']],
    ['latin1', ['f\u00f6o']],
  ];
  for (const [id, lines] of anything) expect(vary(...lines), id).toBe('*');
});

/** The ids are those of vary in https://github.com/http-tests/cache-tests */
test('requests that say the same select the same variant', () => {
  const same: [id: string, one: HeaderList, other: HeaderList][] = [
    ['vary-match', [['Foo', '1']], [['foo', '1']]],
    [
      'vary-cache-key',
      [
        ['Foo', '1'],
        ['Other', '2'],
      ],
      [
        ['Foo', '1'],
        ['Other', '3'],
      ],
    ],
    [
      'vary-3-omit',
      [
        ['Foo', '1'],
        ['Baz', '9'],
      ],
      [
        ['Baz', '9'],
        ['Foo', '1'],
      ],
    ],
    [
      'vary-normalise-combine',
      [['Foo', '1, 2']],
      [
        ['Foo', '1'],
        ['Foo', '2'],
      ],
    ],
    ['vary-normalise-space', [['Foo', '1,2']], [['Foo', ' 1,  2 ']]],
    ['vary-normalise-lang-case', [['Accept-Language', 'en, de']], [['Accept-Language', 'eN, De']]],
    ['vary-normalise-lang-space', [['Accept-Language', 'en, de']], [['Accept-Language', ' en ,   de']]],
    ['one content coding', [['Accept-Encoding', 'gzip, br']], [['Accept-Encoding', 'deflate, gzip']]],
    ['anything', [['Accept', '*/*']], []],
  ];
  const names = ['accept', 'accept-encoding', 'accept-language', 'bar', 'baz', 'foo'];
  for (const [id, one, other] of same)
    expect(variantValues(names, one), id).toBe(variantValues(names, other));
});

test('requests that say something else select another variant', () => {
  const other: [id: string, one: HeaderList, other: HeaderList][] = [
    ['vary-no-match', [['Foo', '1']], [['Foo', '2']]],
    ['vary-omit', [['Foo', '1']], []],
    ['an empty field', [['Foo', '']], []],
    [
      'vary-3-order',
      [
        ['Foo', '1'],
        ['Bar', 'abc4'],
      ],
      [
        ['Foo', '1'],
        ['Bar', 'abc'],
      ],
    ],
    [
      'exchanged values',
      [
        ['Foo', '1'],
        ['Bar', '2'],
      ],
      [
        ['Foo', '2'],
        ['Bar', '1'],
      ],
    ],
    ['inside quotes', [['Foo', '"a,b"']], [['Foo', '"a, b"']]],
    ['case', [['Foo', 'a']], [['Foo', 'A']]],
    ['order of languages', [['Accept-Language', 'en, de']], [['Accept-Language', 'de, en']]],
  ];
  const names = ['accept-language', 'bar', 'foo'];
  for (const [id, one, two] of other)
    expect(variantValues(names, one), id).not.toBe(variantValues(names, two));
});

test('values that differ in more than space never look alike, whatever they hold', () => {
  const text = fc.string({ unit: fc.constantFrom(...'a b " , : [ ] \\ \n'.split(' ')), maxLength: 6 });
  const bare = (value: string): string => value.replace(/\s/g, '');
  fc.assert(
    fc.property(text, text, text, text, (a, b, c, d) => {
      const one = variantValues(
        ['x', 'y'],
        [
          ['x', a],
          ['y', b],
        ],
      );
      const two = variantValues(
        ['x', 'y'],
        [
          ['x', c],
          ['y', d],
        ],
      );
      if (bare(a) !== bare(c) || bare(b) !== bare(d)) expect(one).not.toBe(two);
    }),
  );
});
