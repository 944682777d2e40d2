/** Numbers of records, whichever of their three types they have, as one order without gaps or ties. */
import { ExactNumber } from '../partition-format/exact-number.ts';

/** A number of a record. */
export type RecordNumber = number | bigint | ExactNumber;

/** Whether a value is a number of any type. */
export function isNumeric(value: unknown): value is RecordNumber {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof ExactNumber;
}

/**
 * Negative, zero or positive; undefined for NaN, which is neither less than, nor equal to, nor greater than anything.
 *
 * An integer is what it is. A double with a fraction is the decimal that it is written as: 0.1 is a tenth, and the exact number
 * 0.10000000000000000000000001 is greater, though the double nearest to it is the same.
 */
export function compareNumbers(one: RecordNumber, other: RecordNumber): number | undefined {
  if (one instanceof ExactNumber || other instanceof ExactNumber) return compareDecimals(one, other);
  if (one < other) return -1;
  if (one > other) return 1;
  return Number.isNaN(one) || Number.isNaN(other) ? undefined : 0;
}

/** The longest integer that a double can be equal to, in digits. */
const DOUBLE_DIGITS_MAX = 309;

/** Equal for equal numbers, whatever their types; an exact number that no other type can be equal to is itself. */
export function numberKey(value: RecordNumber): RecordNumber {
  if (typeof value === 'number') return value === 0 ? 0 : value;
  if (typeof value === 'bigint') {
    const near = Number(value);
    return Number.isFinite(near) && BigInt(near) === value ? near : value;
  }
  const { sign, digits, point } = decimalOf(value.text);
  if (sign === 0) return 0;
  const isInteger = point >= BigInt(digits.length) && point <= BigInt(DOUBLE_DIGITS_MAX);
  return isInteger ? numberKey(BigInt(digits.padEnd(Number(point), '0')) * BigInt(sign)) : value;
}

/** `sign` times 0.`digits` times ten to the `point`; no zero at either end of the digits. */
interface Decimal {
  readonly sign: -1 | 0 | 1;
  readonly digits: string;
  readonly point: bigint;
}

function compareDecimals(one: RecordNumber, other: RecordNumber): number | undefined {
  if (Number.isNaN(one) || Number.isNaN(other)) return undefined;
  // An infinite double is beyond every exact number, 1e400 too.
  if (one === Infinity || other === -Infinity) return 1;
  if (one === -Infinity || other === Infinity) return -1;
  const [left, right] = [decimalOf(textOf(one)), decimalOf(textOf(other))];
  if (left.sign !== right.sign) return left.sign - right.sign;
  if (left.point !== right.point) return left.point < right.point ? -left.sign : left.sign;
  if (left.digits === right.digits) return 0;
  return left.digits < right.digits ? -left.sign : left.sign;
}

function textOf(value: RecordNumber): string {
  return typeof value === 'number' && Number.isInteger(value) ? String(BigInt(value)) : String(value);
}

function decimalOf(text: string): Decimal {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const isNegative = mantissa.startsWith('-');
  const [whole = '', fraction = ''] = (isNegative ? mantissa.slice(1) : mantissa).split('.');
  const all = whole + fraction;
  const significant = all.replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '');
  if (digits === '') return { sign: 0, digits, point: 0n };
  const point = BigInt(exponent.replace('+', '')) + BigInt(whole.length - (all.length - significant.length));
  return { sign: isNegative ? -1 : 1, digits, point };
}
