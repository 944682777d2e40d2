/** A string, a number or a literal of JSON that is read chunk by chunk. */
import { isUtf8 } from 'node:buffer';
import { PendingBytes } from './pending-bytes.ts';
import { isBlank } from './value-scanner.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
const ASCII_MAX = 0x7f;
const NOTHING = Buffer.alloc(0);

/** One that begins with the byte that {@link Scalar.read} is given first. */
export class Scalar {
  readonly #isString: boolean;
  #pending: PendingBytes | undefined;
  #whole: Buffer = NOTHING;
  #isEscaped = false;
  /** A string of printable ASCII without escapes: nothing in it can be wrong. */
  #isPlain = true;
  bytes = 0;
  isWhole = false;

  constructor(firstByte: number) {
    this.#isString = firstByte === QUOTE;
  }

  /** Reads on; the position behind what belongs to it. */
  read(chunk: Buffer, from: number): number {
    const to = this.#isString ? this.#readString(chunk, from) : this.#readLiteral(chunk, from);
    this.bytes += to - from;
    const piece = chunk.subarray(from, to);
    const joined = this.#pending?.joined(piece) ?? piece;
    if (this.isWhole) this.#whole = joined;
    else {
      this.#pending ??= new PendingBytes();
      this.#pending.keep(joined);
    }
    return to;
  }

  /** What is wrong with it; undefined when nothing is. To be asked of a whole one, before the next chunk. */
  get malformation(): string | undefined {
    if (this.#isString && this.#isPlain) return undefined;
    if (!isUtf8(this.#whole)) return 'it is not UTF-8';
    try {
      JSON.parse(this.#whole.toString('utf8'));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** What a string says that is not malformed. */
  get text(): string {
    return String(JSON.parse(this.json));
  }

  /** As it stands in the document: a number with all of its digits. */
  get json(): string {
    return this.#whole.toString('utf8');
  }

  #readString(chunk: Buffer, from: number): number {
    for (let at = this.bytes === 0 ? from + 1 : from; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (byte < SPACE || byte > ASCII_MAX) this.#isPlain = false;
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) {
        this.#isEscaped = true;
        this.#isPlain = false;
      } else if (byte === QUOTE) {
        this.isWhole = true;
        return at + 1;
      }
    }
    return chunk.length;
  }

  #readLiteral(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (byte !== COMMA && byte !== CLOSE_ARRAY && byte !== CLOSE_OBJECT && !isBlank(byte)) continue;
      this.isWhole = true;
      return at;
    }
    return chunk.length;
  }
}
