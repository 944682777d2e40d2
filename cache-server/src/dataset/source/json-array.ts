/**
 * The records of a JSON array, found byte by byte and parsed in batches: nothing of the document but the record that is under way is held,
 * and no step takes longer than its chunk.
 */
import { DatasetError } from '../dataset-error.ts';
import type { RecordValue } from '@pannier/proto/partition-format';
import { JsonPath } from './json-path.ts';
import { parseBatch, tryBatch } from './json-batch.ts';
import type { RecordSource, SourceLimits } from './record-source.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
/** After so many wrong guesses the document is read byte by byte. */
const GUESSES_MAX = 3;

/** One array, at a JSON Pointer. */
export class JsonArraySource implements RecordSource {
  readonly #limits: SourceLimits;
  readonly #path: JsonPath;
  #pending: Buffer = Buffer.alloc(0);
  /** Bytes of the document before what is pending. */
  #offset = 0;
  #inArray = false;
  #count = 0;
  #afterComma = false;
  /** Guesses in a row that were wrong. */
  #misses = 0;

  /** @param pointer RFC 6901; its tokens name members of objects; '' for the document itself */
  constructor(pointer: string, limits: SourceLimits) {
    this.#limits = limits;
    this.#path = new JsonPath(pointer);
  }

  push(chunk: Buffer): RecordValue[] {
    if (this.#inArray) return this.#read(chunk);
    const at = this.#path.push(chunk);
    this.#offset += at;
    if (!this.#path.isFound || this.#path.isBehind) return [];
    this.#inArray = true;
    return this.#read(chunk.subarray(at));
  }

  end(): RecordValue[] {
    if (this.#inArray) {
      throw new DatasetError(
        'bad-document',
        `the document breaks off in record ${this.#count + 1}, after byte ${this.#offset + this.#pending.length}`,
      );
    }
    this.#path.end();
    return [];
  }

  /** Takes the records that are whole; what is pending always begins where a record does. */
  #read(chunk: Buffer): RecordValue[] {
    const data = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const guessed = this.#guess(data);
    if (guessed === undefined) return this.#scan(data);
    this.#count += guessed.records.length;
    this.#offset += guessed.bytes;
    this.#afterComma = true;
    return [...guessed.records, ...this.#scan(data.subarray(guessed.bytes))];
  }

  /**
   * Most records are objects that hold none, so that the last `},` ends a record. If all before it parses as a list it does: brackets and
   * strings are closed there. A wrong guess costs time only.
   */
  #guess(data: Buffer): { records: RecordValue[]; bytes: number } | undefined {
    if (this.#misses >= GUESSES_MAX || data.length > this.#limits.recordBytesMax) return undefined;
    const cut = data.lastIndexOf('},');
    if (cut < 0) return undefined;
    const records = tryBatch(data.subarray(0, cut + 1));
    this.#misses = records === undefined ? this.#misses + 1 : 0;
    return records && { records, bytes: cut + 2 };
  }

  /** Finds the records byte by byte. */
  #scan(data: Buffer): RecordValue[] {
    const before = this.#count;
    let [first, last, start] = [-1, -1, -1];
    let [depth, inString, escaped] = [0, false, false];
    let at = 0;
    for (; at < data.length; at += 1) {
      let byte = data[at] ?? 0;
      if (inString) {
        // Most bytes stand in strings: a loop of its own for them.
        for (;;) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) {
            inString = false;
            break;
          }
          at += 1;
          if (at >= data.length) break;
          byte = data[at] ?? 0;
        }
        continue;
      }
      if (byte === QUOTE) {
        inString = true;
        if (start < 0) start = at;
      } else if (byte === COMMA || byte === CLOSE_ARRAY) {
        if (depth > 0) {
          if (byte === CLOSE_ARRAY) depth -= 1;
          continue;
        }
        if (start >= 0) {
          this.#requireLength(at - start);
          if (first < 0) first = start;
          last = at;
          this.#count += 1;
        } else if (byte === COMMA || this.#afterComma)
          throw this.#malformed(at, 'an empty place in the array');
        start = -1;
        this.#afterComma = byte === COMMA;
        if (byte === COMMA) continue;
        this.#inArray = false;
        break;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (start < 0) start = at;
        depth += 1;
      } else if (byte === CLOSE_OBJECT) {
        if (depth === 0) throw this.#malformed(at, 'a bracket that nothing opened');
        depth -= 1;
      } else if (start < 0 && byte > SPACE) start = at;
    }
    const place = { first: before + 1, offset: this.#offset + Math.max(first, 0) };
    const records = first < 0 ? [] : parseBatch(data.subarray(first, last), place);
    if (records.length !== this.#count - before)
      throw this.#malformed(at, 'records that cannot be told apart');
    if (!this.#inArray) return this.#leave(data, at + 1, records);
    this.#pending = start < 0 ? Buffer.alloc(0) : Buffer.from(data.subarray(start));
    this.#offset += data.length - this.#pending.length;
    this.#requireLength(this.#pending.length);
    return records;
  }

  /** What follows the array must close what was opened before it, and nothing more. */
  #leave(data: Buffer, at: number, records: RecordValue[]): RecordValue[] {
    this.#pending = Buffer.alloc(0);
    this.#offset += at;
    this.#path.leaveArray();
    this.#offset += this.#path.push(data.subarray(at));
    return records;
  }

  #malformed(at: number, what: string): DatasetError {
    const place = `behind record ${this.#count}, at byte ${this.#offset + at}`;
    return new DatasetError('bad-document', `malformed JSON ${place}: ${what}`);
  }

  #requireLength(bytes: number): void {
    const { recordBytesMax } = this.#limits;
    if (bytes <= recordBytesMax) return;
    const record = this.#inArray ? this.#count + 1 : this.#count;
    throw new DatasetError(
      'bad-document',
      `record ${record} is over limits.recordBytesMax ${recordBytesMax}`,
    );
  }
}
