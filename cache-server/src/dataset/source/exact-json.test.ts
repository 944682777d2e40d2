import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExactNumber, numberFromText } from '@pannier/proto/partition-format';
import { parseExactly } from './exact-json.ts';
import { jsonText, plainParse } from './json-document.fixture.ts';

describe('JSON that is parsed without losing a digit', () => {
  it('is what a plain parse makes of it, each number by its own text', () => {
    const check = fc.property(jsonText, (text) => {
      expect(parseExactly(text)).toStrictEqual(plainParse(Buffer.from(text)));
    });
    fc.assert(check, { numRuns: 2000 });
  });

  it('has the numbers that their texts say', () => {
    const digits = fc.stringMatching(/^-?(?:0|[1-9]\d{0,24})(?:\.\d{1,24})?(?:[eE][+-]?\d{1,4})?$/);
    const check = fc.property(digits, (text) => {
      expect(parseExactly(`[${text}]`)).toStrictEqual([numberFromText(text)]);
    });
    fc.assert(check, { numRuns: 5000 });
    const edges = [2n ** 53n, 10n ** 18n, 2n ** 63n, 10n ** 19n, 2n ** 64n].flatMap((edge) => [edge, -edge]);
    for (const edge of edges.flatMap((one) => [one - 1n, one, one + 1n]))
      expect(parseExactly(`[${edge}]`)).toStrictEqual([numberFromText(String(edge))]);
  });

  it('keeps strings that look like numbers, and names beside them', () => {
    const text = '{"12345678901234567890":"12345678901234567890","a":": 12345678901234567890 ,\\"1e400"}';
    expect(parseExactly(text)).toStrictEqual(JSON.parse(text));
  });

  it('keeps the last of two members of a name, as JSON.parse does', () => {
    expect(parseExactly('{"a":1e400,"a":2}')).toStrictEqual({ a: 2 });
    expect(parseExactly('{"a":2,"a":1e400}')).toStrictEqual({ a: new ExactNumber('1e400') });
  });

  it.each([
    '{1e400:1}',
    '[-1e400-1]',
    '[1e400"a"]',
    '["a"1e400]',
    '[01234567890123456789]',
    '[1.e400]',
    '["1e400]',
  ])('is refused when it is none: %s', (text) => {
    expect(() => parseExactly(text)).toThrow(SyntaxError);
  });
});
