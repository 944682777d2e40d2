/** The way through a JSON document to the array at a JSON Pointer, and out of it again; as strict as JSON.parse would be. */
import { DatasetError } from '../dataset-error.ts';
import { pointerTokens } from './json-pointer.ts';
import { Scalar } from './json-scalar.ts';
import { isBlank, JSON_DEPTH_MAX } from './value-scanner.ts';

interface Container {
  readonly isArray: boolean;
  /** It stands on the way to the pointer's place. */
  readonly isOnWay: boolean;
  /** Of an object: the member that is being read. */
  name: string;
  /** Of an array: the element that is being read. */
  index: number;
  /** The member on the way has been met. */
  isPassed: boolean;
}

/** What may come next: `first-…` also the container's end. */
type Expected = 'value' | 'first-value' | 'name' | 'first-name' | 'colon' | 'comma';

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** First byte of a UTF-8 byte order mark. */
const BYTE_ORDER_MARK = 0xef;

/** Follows brackets, names and scalars outside of the array; what the records are is for others. */
export class JsonOutline {
  readonly #pointer: string;
  readonly #tokens: readonly string[];
  readonly #tokenBytesMax: number;
  readonly #open: Container[] = [];
  #expected: Expected = 'value';
  /** The scalar or name that is under way. */
  #scalar: Scalar | undefined;
  #offset = 0;
  #isFound = false;
  /** The array was entered and not left. */
  isInArray = false;

  /** @param tokenBytesMax the longest string outside of the records */
  constructor(pointer: string, tokenBytesMax: number) {
    this.#pointer = pointer;
    this.#tokens = pointerTokens(pointer);
    this.#tokenBytesMax = tokenBytesMax;
  }

  /** Reads on; says how many bytes were read: less than all, or the array entered, when the array's first byte is the next. */
  push(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.isInArray) {
      const byte = chunk[at];
      if (byte !== undefined && this.#scalar === undefined && !isBlank(byte))
        this.#take(byte, this.#offset + at);
      // A scalar's first byte is read as a part of it.
      at = this.#scalar === undefined ? at + 1 : this.#readScalar(chunk, at);
    }
    this.#offset += at;
    return at;
  }

  /** The array has been read to its end, which is before this byte. */
  leaveArray(offset: number): void {
    this.#open.pop();
    this.#offset = offset;
    this.#expected = 'comma';
    this.isInArray = false;
  }

  /** @throws DatasetError `bad-document` when the document broke off or had no array there */
  end(): void {
    if (this.#open.length > 0) {
      const where = this.#isFound ? 'behind its records' : 'before its records';
      throw new DatasetError('bad-document', `the document breaks off ${where}, after byte ${this.#offset}`);
    }
    if (!this.#isFound) throw this.#notThere();
  }

  #take(byte: number, offset: number): void {
    const inner = this.#open.at(-1);
    switch (this.#expected) {
      case 'first-value':
      case 'value':
        if (byte === CLOSE_ARRAY && this.#expected === 'first-value') this.#close();
        else this.#beginValue(byte, offset);
        return;
      case 'first-name':
      case 'name':
        if (byte === CLOSE_OBJECT && this.#expected === 'first-name') this.#close();
        else if (byte === QUOTE) this.#scalar = new Scalar(byte);
        else throw this.#malformed(offset, 'a name in quotes is missing');
        return;
      case 'colon':
        if (byte !== COLON) throw this.#malformed(offset, 'a colon is missing');
        this.#expected = 'value';
        return;
      case 'comma':
        if (inner === undefined) throw this.#malformed(offset, 'something follows the document');
        if (byte === COMMA) {
          inner.index += 1;
          this.#expected = inner.isArray ? 'value' : 'name';
        } else if (byte === (inner.isArray ? CLOSE_ARRAY : CLOSE_OBJECT)) this.#close();
        else throw this.#malformed(offset, 'a comma or a closing bracket is missing');
    }
  }

  #beginValue(byte: number, offset: number): void {
    if (byte === BYTE_ORDER_MARK && offset === 0)
      throw this.#malformed(offset, 'it begins with a byte order mark, which JSON has not');
    const isOnWay = this.#isOnWay(offset);
    const isContainer = byte === OPEN_ARRAY || byte === OPEN_OBJECT;
    if (isOnWay && this.#open.length === this.#tokens.length) {
      if (byte !== OPEN_ARRAY) throw this.#notThere();
      this.#isFound = true;
      this.isInArray = true;
    } else if (this.#open.length === 0 && !isContainer) throw this.#notThere();
    if (!isContainer) {
      this.#scalar = new Scalar(byte);
      return;
    }
    if (this.#open.length >= JSON_DEPTH_MAX)
      throw this.#malformed(offset, `nested deeper than ${JSON_DEPTH_MAX}`);
    const isArray = byte === OPEN_ARRAY;
    this.#open.push({ isArray, isOnWay, name: '', index: 0, isPassed: false });
    this.#expected = isArray ? 'first-value' : 'first-name';
  }

  /** Whether the value that begins stands on the pointer's way. Two that do: which one is meant nobody knows. */
  #isOnWay(offset: number): boolean {
    const inner = this.#open.at(-1);
    if (inner === undefined) return true;
    const token = this.#tokens[this.#open.length - 1];
    if (!inner.isOnWay || token === undefined) return false;
    if (token !== (inner.isArray ? String(inner.index) : inner.name)) return false;
    if (inner.isPassed) throw this.#malformed(offset, `the member ${token} of ${this.#pointer} stands twice`);
    inner.isPassed = true;
    return true;
  }

  #close(): void {
    this.#open.pop();
    this.#expected = 'comma';
  }

  #readScalar(chunk: Buffer, from: number): number {
    const scalar = this.#scalar;
    if (scalar === undefined) return from;
    const to = scalar.read(chunk, from);
    if (scalar.bytes > this.#tokenBytesMax) {
      const what = `a text outside of the records is over limits.recordBytesMax ${this.#tokenBytesMax}`;
      throw new DatasetError('bad-document', `${what}, at byte ${this.#offset + from}`);
    }
    if (scalar.isWhole) this.#endScalar(scalar, this.#offset + to - scalar.bytes);
    return to;
  }

  #endScalar(scalar: Scalar, offset: number): void {
    this.#scalar = undefined;
    const why = scalar.malformation;
    if (why !== undefined) throw this.#malformed(offset, why);
    const isName = this.#expected === 'name' || this.#expected === 'first-name';
    const inner = this.#open.at(-1);
    if (isName && inner?.isOnWay === true) inner.name = scalar.text;
    this.#expected = isName ? 'colon' : 'comma';
  }

  #malformed(offset: number, what: string): DatasetError {
    const where = `malformed JSON outside of the records, at byte ${offset}`;
    return new DatasetError('bad-document', `${where}: ${what}`);
  }

  #notThere(): DatasetError {
    const place = this.#pointer === '' ? 'the document' : `what stands at ${this.#pointer}`;
    return new DatasetError('bad-document', `${place} is not a JSON array`);
  }
}
