/** MessagePack extension type of an `ExactNumber`: its payload is the number's JSON text in ASCII. */
export const EXACT_NUMBER_EXTENSION = 1;

/** TypeScript's library lags behind V8 here: JSON.rawJSON puts a number's own text into JSON.stringify's output. */
const RawJson = JSON as JSON & { rawJSON(text: string): unknown };

/**
 * A JSON number that neither a double nor a 64-bit integer holds, kept as the text it had. MessagePack has no such
 * number, so it travels as extension type 1 whose payload is that text; a reader that knows nothing of it sees an
 * extension (`ExtType` in Python, `ExtData` in @msgpack/msgpack) and can parse the text as a decimal.
 */
export class ExactNumber {
  /** As it stood in the JSON, e.g. `1e400` or `0.10000000000000000000000001`. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The nearest double, for arithmetic that may be inexact. */
  valueOf(): number {
    return Number(this.text);
  }

  toString(): string {
    return this.text;
  }

  /** JSON.stringify writes the number's own digits, not a string. */
  toJSON(): unknown {
    return RawJson.rawJSON(this.text);
  }
}

/** Up to here, both ends included, doubles hold every integer. */
const DOUBLE_INTEGER_MAX = 2n ** 53n;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/**
 * Reads the text of one JSON number (RFC 8259 §6) without losing a digit: a `number` when a double prints back as the
 * same decimal, a `bigint` for other integers of at most 64 bits, else an `ExactNumber`.
 */
export function numberFromText(text: string): number | bigint | ExactNumber {
  const value = Number(text);
  // Up to 15 significant digits always survive a double; this is nearly every number there is.
  if (text.length <= 15 && Number.isFinite(value) && !/[eE]/.test(text)) return value;
  if (Number.isFinite(value) && decimalOf(text) === decimalOf(String(value))) return value;
  if (/^-?\d+$/.test(text)) return exactInteger(BigInt(text));
  return new ExactNumber(text);
}

/** An integer in the smallest type that holds it exactly, so that equal integers have one encoding. */
export function exactInteger(value: bigint): number | bigint | ExactNumber {
  if (value >= -DOUBLE_INTEGER_MAX && value <= DOUBLE_INTEGER_MAX) return Number(value);
  if (value >= INT64_MIN && value <= UINT64_MAX) return value;
  return new ExactNumber(String(value));
}

/** Sign, digits without zeros at either end, and the exponent of the last digit: equal for equal decimals. */
function decimalOf(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e');
  const negative = mantissa.startsWith('-');
  const [whole = '', fraction = ''] = (negative ? mantissa.slice(1) : mantissa).split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const lastDigitExponent =
    BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${negative ? '-' : ''}${significant}e${lastDigitExponent}`;
}
