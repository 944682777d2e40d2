/** The way through a JSON document to the array at a JSON Pointer, and out of it again. */
import { DatasetError } from '../dataset-error.ts';

interface Container {
  readonly isArray: boolean;
  /** Member that is being read, of an object. */
  key: string;
}

const KEY_BYTES_MAX = 64 * 1024;
const DEPTH_MAX = 1000;

/** Follows brackets and names outside of the array; what the records are is for others. */
export class JsonPath {
  readonly #pointer: string;
  readonly #tokens: readonly string[];
  readonly #open: Container[] = [];
  #text: number[] = [];
  #inString = false;
  #escaped = false;
  #lastText = '';
  #hasBegun = false;
  isFound = false;
  /** The array was left. */
  isBehind = false;

  /** @param pointer RFC 6901; its tokens name members of objects */
  constructor(pointer: string) {
    this.#pointer = pointer;
    this.#tokens = pointer
      .split('/')
      .slice(1)
      .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  }

  /** Reads on; says how many bytes were read: less than all when the array's first byte is the next. */
  push(chunk: Buffer): number {
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (this.#inString) this.#readText(byte);
      else if (byte === 0x22) this.#beginText();
      else if (byte === 0x5b || byte === 0x7b) {
        this.#enter(byte === 0x5b);
        if (this.isFound && !this.isBehind) return at + 1;
      } else if (byte === 0x5d || byte === 0x7d) this.#leave(byte === 0x5d);
      else if (byte === 0x3a) this.#nameMember();
      else if (byte > 0x20 && this.#open.length === 0) throw this.#outside(byte);
    }
    return chunk.length;
  }

  /** The array has been read to its end. */
  leaveArray(): void {
    this.#open.pop();
    this.isBehind = true;
  }

  /** @throws DatasetError `bad-document` when the document broke off or had no array there */
  end(): void {
    if (this.#inString || this.#open.length > 0) {
      const where = this.isBehind ? 'behind its records' : 'before its records';
      throw new DatasetError('bad-document', `the document breaks off ${where}`);
    }
    if (!this.isFound) throw this.#notThere();
  }

  #readText(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === 0x5c) this.#escaped = true;
    else if (byte === 0x22) {
      this.#inString = false;
      this.#lastText = `"${Buffer.from(this.#text).toString('utf8')}"`;
      return;
    }
    if (!this.isBehind && this.#text.length < KEY_BYTES_MAX) this.#text.push(byte);
  }

  #beginText(): void {
    if (this.#open.length === 0) throw this.#outside(0x22);
    this.#inString = true;
    this.#text = [];
  }

  #enter(isArray: boolean): void {
    if (this.#hasBegun && this.#open.length === 0) throw this.#outside(0x5b);
    this.#hasBegun = true;
    const atPointer =
      this.#open.length === this.#tokens.length &&
      this.#open.every((container, depth) => !container.isArray && container.key === this.#tokens[depth]);
    if (atPointer && !this.isFound) {
      if (!isArray) throw this.#notThere();
      this.isFound = true;
    }
    if (this.#open.length >= DEPTH_MAX)
      throw new DatasetError('bad-document', `the document is nested deeper than ${DEPTH_MAX}`);
    this.#open.push({ isArray, key: '' });
  }

  #leave(isArray: boolean): void {
    if (this.#open.pop()?.isArray !== isArray)
      throw new DatasetError('bad-document', 'malformed JSON: a bracket that nothing opened');
  }

  #nameMember(): void {
    const inner = this.#open.at(-1);
    if (inner === undefined || this.isBehind) return;
    try {
      inner.key = JSON.parse(this.#lastText) as string;
    } catch (cause) {
      throw new DatasetError('bad-document', 'malformed JSON: the name of a member', { cause });
    }
  }

  #outside(byte: number): DatasetError {
    if (this.#hasBegun)
      return new DatasetError('bad-document', 'malformed JSON: something follows the document');
    // A scalar, or no JSON at all.
    return byte === 0xef
      ? new DatasetError('bad-document', 'the document begins with a byte order mark, which JSON has not')
      : this.#notThere();
  }

  #notThere(): DatasetError {
    const place = this.#pointer === '' ? 'the document' : `what stands at ${this.#pointer}`;
    return new DatasetError('bad-document', `${place} is not a JSON array`);
  }
}
