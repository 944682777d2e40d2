/**
 * The records of a JSON array, told apart byte by byte and parsed in batches: nothing of the document but the record that is under way is
 * held, and no step takes longer than its chunk.
 */
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { parseBatch } from './json-batch.ts';
import { JsonOutline } from './json-outline.ts';
import { PendingBytes } from './pending-bytes.ts';
import type { RecordSource, SourceLimits } from './record-source.ts';
import { isBlank, JSON_DEPTH_MAX, ValueScanner } from './value-scanner.ts';

const CLOSE_ARRAY = 0x5d;
const CLOSE_OBJECT = 0x7d;

/** One array, at a JSON Pointer. */
export class JsonArraySource implements RecordSource {
  readonly #recordBytesMax: number;
  readonly #outline: JsonOutline;
  readonly #scanner = new ValueScanner('commas');
  /** Of the record that is under way; begins where the record does. */
  readonly #pending = new PendingBytes();
  /** Bytes of the document before what is pending. */
  #offset = 0;
  /** Records that are whole. */
  #count = 0;

  /** @param pointer RFC 6901: names of members and indices of arrays; '' for the document itself */
  constructor(pointer: string, { recordBytesMax }: SourceLimits) {
    this.#recordBytesMax = recordBytesMax;
    this.#outline = new JsonOutline(pointer, recordBytesMax);
  }

  push(chunk: Buffer): RecordValue[] {
    if (this.#outline.isInArray) return this.#read(chunk);
    const taken = this.#outline.push(chunk);
    this.#offset += taken;
    return this.#outline.isInArray ? this.#read(chunk.subarray(taken)) : [];
  }

  end(): RecordValue[] {
    if (!this.#outline.isInArray) {
      this.#outline.end();
      return [];
    }
    const where = `record ${this.#count + 1}, after byte ${this.#offset + this.#pending.length}`;
    throw new DatasetError('bad-document', `the document breaks off in ${where}`);
  }

  /** Takes the records that are whole; what was pending has been scanned before. */
  #read(chunk: Buffer): RecordValue[] {
    const scanner = this.#scanner;
    const scanned = this.#pending.length;
    const data = this.#pending.joined(chunk);
    let whole = 0;
    let from = 0;
    let isDelicate = false;
    let isClosed = false;
    for (let at = scanner.seek(data, scanned); at < data.length; at = scanner.seek(data, at + 1)) {
      this.#requireShape(data, at, whole);
      if (at - from > this.#recordBytesMax) this.#requireLength(data.subarray(from, at), whole);
      // Asked record by record: what was seen of the one under way is for the batch that it will be in.
      if (scanner.takeDelicate()) isDelicate = true;
      whole += 1;
      from = at + 1;
      isClosed = data[at] === CLOSE_ARRAY;
      if (isClosed) break;
    }
    const isEmpty = isClosed && this.#count + whole === 1 && data.subarray(0, from - 1).every(isBlank);
    const records = whole === 0 || isEmpty ? [] : this.#parse(data.subarray(0, from - 1), whole, isDelicate);
    this.#count += whole;
    if (isClosed) return this.#leave(data, from, records);
    while (isBlank(data[from])) from += 1;
    const rest = data.subarray(from);
    this.#requireLength(rest, 0);
    this.#offset += from;
    this.#pending.keep(rest);
    return records;
  }

  #parse(bytes: Buffer, whole: number, isDelicate: boolean): RecordValue[] {
    const records = parseBatch(bytes, { first: this.#count + 1, offset: this.#offset, isDelicate });
    if (records.length !== whole) throw this.#malformed(0, 'values that cannot be told apart');
    return records;
  }

  /** What follows the array must close what was opened before it, and nothing more. */
  #leave(data: Buffer, at: number, records: RecordValue[]): RecordValue[] {
    this.#outline.leaveArray(this.#offset + at);
    this.#outline.push(data.subarray(at));
    return records;
  }

  #requireShape(data: Buffer, at: number, whole: number): void {
    if (this.#scanner.depth > JSON_DEPTH_MAX) {
      const where = `record ${this.#count + whole + 1}, at byte ${this.#offset + at}`;
      throw new DatasetError('bad-document', `${where}: nested deeper than ${JSON_DEPTH_MAX}`);
    }
    if (data[at] !== CLOSE_OBJECT) return;
    throw this.#malformed(at, 'a bracket that nothing opened', whole);
  }

  #malformed(at: number, what: string, whole = 0): DatasetError {
    const where = `record ${this.#count + whole + 1}, at byte ${this.#offset + at}`;
    return new DatasetError('bad-document', `malformed JSON in ${where}: ${what}`);
  }

  /** Blanks around a record are none of it. */
  #requireLength(record: Buffer, whole: number): void {
    if (record.length <= this.#recordBytesMax) return;
    let [from, to] = [0, record.length];
    while (isBlank(record[from])) from += 1;
    while (to > from && isBlank(record[to - 1])) to -= 1;
    if (to - from <= this.#recordBytesMax) return;
    const what = `record ${this.#count + whole + 1} is over limits.recordBytesMax ${this.#recordBytesMax}`;
    throw new DatasetError('bad-document', what);
  }
}
