/** JSON.parse that loses no digit, for texts with numbers that a double may not hold. They are rare: the others need no second look. */
import { randomBytes } from 'node:crypto';
import { numberFromText } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';

/** Up to 15 digits survive a double whatever they are, unless their exponent is large. */
const SAFE_DIGITS = 15;
const LARGE_EXPONENT = /[eE][+-]?\d{3}/;
/** Integers that surely fit into 64 bits: 2^63 has 19 digits and begins with 9, 2^64 has 20. */
const INTEGER = /^(?:[1-9]\d{0,18}|-[1-9]\d{0,17})$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** Stands for a number while JSON.parse is at work; no document can know it. */
const MARK = `number ${randomBytes(16).toString('hex')} `;

const QUOTE = 0x22;
const MINUS = 0x2d;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

/**
 * Parses JSON; a number that a double cannot hold becomes a bigint or an `ExactNumber`.
 *
 * @throws SyntaxError of JSON.parse, but with positions that may be off
 */
export function parseExactly(text: string): RecordValue {
  const { marked, numbers } = markNumbers(text);
  if (numbers.length === 0) return JSON.parse(text) as RecordValue;
  const restorer = new NumberRestorer(numbers);
  const value = restorer.restore(JSON.parse(marked) as RecordValue);
  // A mark that did not come back was a member's name, which a number must not be, or the value of a name that stands twice.
  if (restorer.restored !== numbers.length) JSON.parse(text);
  return value;
}

function isDigitOrDot(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === DOT;
}

/** Puts marks, as strings, in the place of all numbers that a double cannot hold. */
function markNumbers(text: string): { marked: string; numbers: RecordValue[] } {
  const numbers: RecordValue[] = [];
  let marked = '';
  let taken = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at + 1);
    else if (code === MINUS || isDigitOrDot(code)) {
      const end = numberEnd(text, at + 1);
      const number = end - at <= 4 ? undefined : exactNumber(text.slice(at, end));
      if (number !== undefined) {
        marked += `${text.slice(taken, at)}"${MARK}${numbers.length}"`;
        numbers.push(number);
        taken = end;
      }
      at = end - 1;
    }
  }
  return { marked: marked + text.slice(taken), numbers };
}

/** Where the quote is that ends a string which began before `from`; the text's length where it does not end. */
export function stringEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at += 1;
  }
  return text.length;
}

function numberEnd(text: string, from: number): number {
  for (let at = from; ; at += 1) {
    const code = text.charCodeAt(at);
    const isPart = isDigitOrDot(code) || code === 0x65 || code === 0x45 || code === 0x2b || code === MINUS;
    if (!isPart) return at;
  }
}

/** Undefined for what a double holds, and for what is no number, which is JSON.parse's to refuse. */
function exactNumber(token: string): RecordValue | undefined {
  if (token.length <= SAFE_DIGITS && !LARGE_EXPONENT.test(token)) return undefined;
  if (String(Number(token)) === token) return undefined;
  // What `numberFromText` finds, too, with more effort: a double's text has all of so few digits, and these are others.
  if (INTEGER.test(token)) return BigInt(token);
  if (!NUMBER.test(token)) return undefined;
  const number = numberFromText(token);
  return typeof number === 'number' ? undefined : number;
}

/** Puts the numbers back. */
class NumberRestorer {
  readonly #numbers: readonly RecordValue[];
  restored = 0;

  constructor(numbers: readonly RecordValue[]) {
    this.#numbers = numbers;
  }

  restore(value: RecordValue): RecordValue {
    if (typeof value === 'string') return value.startsWith(MARK) ? this.#number(value) : value;
    if (typeof value !== 'object' || value === null) return value;
    const fields = value as Record<string, RecordValue>;
    for (const name of Object.keys(fields)) {
      const before = fields[name] ?? null;
      if (typeof before !== 'string' && (typeof before !== 'object' || before === null)) continue;
      const after = this.restore(before);
      if (after !== before) fields[name] = after;
    }
    return value;
  }

  #number(mark: string): RecordValue {
    this.restored += 1;
    return this.#numbers[Number(mark.slice(MARK.length))] ?? null;
  }
}
