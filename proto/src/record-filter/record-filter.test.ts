import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ExactNumber, numberFromText } from '../partition-format/exact-number.ts';
import type { RecordValue } from '../partition-format/record-value.ts';
import { compareNumbers, numberKey } from './number-order.ts';
import { recordTest } from './record-filter.ts';
import type { FilterValue, RecordFilter } from './record-filter.ts';

/** As fractions of ten to the hundredth, which is exact for what the texts below hold. */
function hundredths(text: string): bigint {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return BigInt(whole + fraction) * 10n ** BigInt(100 + Number(exponent) - fraction.length);
}

const digits = fc.stringMatching(/^[1-9]\d{0,24}$/);
const numberText = fc
  .tuple(
    fc.boolean(),
    digits,
    fc.option(fc.stringMatching(/^\d{0,24}[1-9]$/)),
    fc.integer({ min: -20, max: 40 }),
  )
  .map(([isNegative, whole, fraction, exponent]) => {
    const mantissa = `${isNegative ? '-' : ''}${whole}${fraction === null ? '' : `.${fraction}`}`;
    return exponent === 0 ? mantissa : `${mantissa}e${exponent}`;
  });

/** The decimal that a number stands for: an integer in all its digits. */
function textOf(value: number | bigint | ExactNumber): string {
  return typeof value === 'number' && Number.isInteger(value) ? String(BigInt(value)) : String(value);
}

test('numbers of all types have one order, that of their decimals', () => {
  const near = numberText.chain((text) =>
    fc.constantFrom(text, `${text.split('e')[0]}`, String(Number(text)), text.replace(/\d(?=$|e)/, '7')),
  );
  fc.assert(
    fc.property(numberText, near, (one, other) => {
      const [left, right] = [numberFromText(one), numberFromText(other)];
      const expected = hundredths(textOf(left)) - hundredths(textOf(right));
      expect(Math.sign(compareNumbers(left, right) ?? Number.NaN)).toBe(
        expected < 0n ? -1 : expected > 0n ? 1 : 0,
      );
      // Equal by comparison is equal by key, where a filter can name one of the two.
      if (!(right instanceof ExactNumber)) expect(numberKey(left) === numberKey(right)).toBe(expected === 0n);
    }),
    { numRuns: 2000 },
  );
});

function passes(value: RecordValue, filter: RecordFilter): boolean {
  return recordTest(filter)({ x: value });
}

function comparisons(value: RecordValue, bound: FilterValue): string[] {
  const kinds = ['less', 'less-or-equal', 'equal', 'greater-or-equal', 'greater'] as const;
  return kinds.filter((kind) => passes(value, { kind, field: 'x', value: bound }));
}

const [LESS, EQUAL, GREATER] = [
  ['less', 'less-or-equal'],
  ['less-or-equal', 'equal', 'greater-or-equal'],
  ['greater-or-equal', 'greater'],
];

test.each<[RecordValue, FilterValue, string[] | undefined]>([
  [new ExactNumber('0.10000000000000000000000001'), 0.1, GREATER],
  [new ExactNumber('0.09999999999999999999999999'), 0.1, LESS],
  [new ExactNumber('5.00000000000000000001'), 5, GREATER],
  [new ExactNumber('9007199254740993.5'), 9007199254740993n, GREATER],
  [new ExactNumber('1152921504606846976.0'), 2n ** 60n, EQUAL],
  [new ExactNumber('-0.0e5'), 0, EQUAL],
  [new ExactNumber('1e400'), Number.MAX_VALUE, GREATER],
  [new ExactNumber('1e400'), Infinity, LESS],
  [new ExactNumber('-1e999999999999'), -1, LESS],
  [new ExactNumber('1E+400'), 1, GREATER],
  [-0, 0, EQUAL],
  [2 ** 60, 2n ** 60n, EQUAL],
  [9007199254740993n, 9007199254740992, GREATER],
  [Number.NaN, 5, undefined],
  [5, Number.NaN, undefined],
  [Number.NaN, Number.NaN, undefined],
  [new ExactNumber('1e400'), Number.NaN, undefined],
  ['5', 5, undefined],
  [true, 1, undefined],
  [null, 0, undefined],
  ['\u{1f600}', '\ue000', GREATER],
  ['\ufffd', '\ud83d', EQUAL],
])('%s against %s', (value, bound, expected = []) => {
  expect(comparisons(value, bound)).toEqual(expected);
  expect(passes(value, { kind: 'in', field: 'x', values: ['other', bound] })).toBe(expected === EQUAL);
});

test('a prefix that is half a character is none of the whole one', () => {
  expect(passes('\u{1f600}', { kind: 'prefix', field: 'x', prefix: '\ud83d' })).toBe(false);
  expect(passes('\u{1f600}!', { kind: 'prefix', field: 'x', prefix: '\u{1f600}' })).toBe(true);
});

test('what is no record has no fields, and the complement takes it', () => {
  const filters: RecordFilter[] = ['0', 'length', 'text', 'toString', 'x'].map((field) => ({
    kind: 'not',
    filter: { kind: 'in', field, values: [1, '1', 'x'] },
  }));
  for (const value of [[1], '1', null, new Uint8Array([1]), new ExactNumber('1'), {}])
    for (const filter of filters) {
      expect(recordTest(filter)(value)).toBe(true);
      expect(recordTest({ kind: 'not', filter })(value)).toBe(false);
    }
});

test('all of nothing passes everything, any of nothing nothing', () => {
  expect(passes(1, { kind: 'all', filters: [] })).toBe(true);
  expect(passes(1, { kind: 'any', filters: [] })).toBe(false);
});
