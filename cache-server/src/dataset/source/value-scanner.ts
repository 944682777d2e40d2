/** Finds where JSON values end, byte by byte, without understanding them: what it tells apart is parsed, and so judged, by JSON.parse. */

/** Values nested deeper are refused: those who walk them later do so by recursion. */
export const JSON_DEPTH_MAX = 1000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Up to 15 digits survive a double whatever they are, unless their exponent is large. */
const SAFE_DIGITS = 15;

// What a byte outside of strings is to the scanner; 0 is of no interest.
const QUOTED = 1;
const COMMA = 2;
const OPEN = 3;
const CLOSE = 4;
const DIGIT = 5;
const LETTER_E = 6;
const LINE_END = 7;

const VALUE_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => kindOf(String.fromCharCode(byte)));
const LINE_BYTES = Uint8Array.from(VALUE_BYTES, (kind, byte) => (byte === 0x0a ? LINE_END : kind));

function kindOf(character: string): number {
  const found = ['"', ',', '[{', ']}', '0123456789.', 'eE'].findIndex((all) => all.includes(character));
  return found + 1;
}

/** Whether a byte is insignificant whitespace: RFC 8259 §2. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Where a scan of values between commas, or on lines, stands; it goes on with the next chunk where it stopped. */
export class ValueScanner {
  readonly #kinds: Uint8Array;
  #inString = false;
  #isEscaped = false;
  /** Brackets that are open. */
  depth = 0;
  #sawDelicate = false;

  constructor(between: 'commas' | 'lines') {
    this.#kinds = between === 'lines' ? LINE_BYTES : VALUE_BYTES;
  }

  /** Nothing is open: what was scanned may be a list of whole values. */
  get isBetween(): boolean {
    return this.depth === 0 && !this.#inString;
  }

  /** Whether a number was passed, since this was asked last, that a double may not hold. */
  takeDelicate(): boolean {
    const saw = this.#sawDelicate;
    this.#sawDelicate = false;
    return saw;
  }

  /**
   * The next byte outside of strings that ends a value: a comma or a closing bracket that nothing opened; between lines a line's end,
   * however deep; the bracket that is one too deep, with a `depth` over {@link JSON_DEPTH_MAX}. The data's length when there is none.
   *
   * @param data holds the value under way from its beginning on
   * @param from where the scan stopped before, or behind the end of a value
   */
  seek(data: Uint8Array, from: number): number {
    const kinds = this.#kinds;
    const { length } = data;
    let depth = this.depth;
    let at = this.#inString ? this.#leaveString(data, from) : from;
    bytes: for (; at < length; at += 1) {
      const kind = kinds[data[at] ?? 0];
      if (kind === 0) continue;
      if (kind === QUOTED) {
        // Most bytes stand in strings: a loop of its own for them, which never looks behind the data's end, for that is slow.
        for (at += 1; at < length; at += 1) {
          const byte = data[at];
          if (byte === QUOTE) continue bytes;
          if (byte === BACKSLASH) at += 1;
        }
        this.#inString = true;
        // A backslash was the last byte, and what it escapes is the next chunk's first.
        this.#isEscaped = at > length;
        at = length;
      } else if (kind === COMMA) {
        if (depth === 0) break;
      } else if (kind === DIGIT) {
        const start = at === from ? digitsBegin(data, at) : at;
        while (at + 1 < length && kinds[data[at + 1] ?? 0] === DIGIT) at += 1;
        if (at - start >= SAFE_DIGITS) this.#sawDelicate = true;
      } else if (kind === OPEN) {
        depth += 1;
        if (depth > JSON_DEPTH_MAX) break;
      } else if (kind === CLOSE) {
        if (depth === 0) break;
        depth -= 1;
      } else if (kind === LINE_END) break;
      else if (kind === LETTER_E && at > 0 && VALUE_BYTES[data[at - 1] ?? 0] === DIGIT)
        this.#sawDelicate = true;
    }
    this.depth = depth;
    return Math.min(at, length);
  }

  /** Position behind the end of the string that an earlier chunk began; the data's length where it goes on. */
  #leaveString(data: Uint8Array, from: number): number {
    let at = this.#isEscaped ? from + 1 : from;
    while (at < data.length && data[at] !== QUOTE) at += data[at] === BACKSLASH ? 2 : 1;
    this.#inString = at >= data.length;
    this.#isEscaped = at > data.length;
    return this.#inString ? data.length : at + 1;
  }
}

/** Where the number begins that an earlier chunk broke off in. */
function digitsBegin(data: Uint8Array, at: number): number {
  let start = at;
  while (start > 0 && VALUE_BYTES[data[start - 1] ?? 0] === DIGIT) start -= 1;
  return start;
}
