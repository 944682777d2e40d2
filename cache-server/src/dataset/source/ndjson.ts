/** NDJSON: one JSON value a line; blank lines are none, and the last line needs no end. */
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { parseBatch } from './json-batch.ts';
import { PendingBytes } from './pending-bytes.ts';
import type { RecordSource, SourceLimits } from './record-source.ts';
import { isBlank, JSON_DEPTH_MAX, ValueScanner } from './value-scanner.ts';

const LINE_END = 0x0a;
const COMMA = 0x2c;
const NOTHING = Buffer.alloc(0);

/** One document of lines. */
export class NdjsonSource implements RecordSource {
  readonly #recordBytesMax: number;
  /** Of the line that is under way. */
  readonly #pending = new PendingBytes();
  /** Lines, records and bytes before it. */
  #lines = 0;
  #records = 0;
  #offset = 0;

  constructor({ recordBytesMax }: SourceLimits) {
    this.#recordBytesMax = recordBytesMax;
  }

  push(chunk: Buffer): RecordValue[] {
    const newEnd = chunk.lastIndexOf(LINE_END);
    const end = newEnd < 0 ? -1 : this.#pending.length + newEnd;
    const data = this.#pending.joined(chunk);
    const records = end < 0 ? [] : this.#parse(data.subarray(0, end));
    const rest = data.subarray(end + 1);
    // A line may end with a carriage return.
    if (rest.length > this.#recordBytesMax + 1) throw this.#tooLong(1, this.#records);
    this.#offset += end + 1;
    this.#pending.keep(rest);
    return records;
  }

  end(): RecordValue[] {
    return this.#parse(this.#pending.joined(NOTHING));
  }

  /** Whole lines, without the last one's end. */
  #parse(bytes: Buffer): RecordValue[] {
    const records = this.#parseAll(bytes) ?? this.#parseEach(bytes);
    this.#records += records.length;
    return records;
  }

  /** All lines as one list; undefined when one of them is not just one value and has to be looked at more closely. */
  #parseAll(bytes: Buffer): RecordValue[] | undefined {
    const scanner = new ValueScanner('lines');
    const list = Buffer.from(bytes);
    let lines = 1;
    let from = 0;
    for (let at = scanner.seek(bytes, 0); at < bytes.length; at = scanner.seek(bytes, at + 1)) {
      if (bytes[at] !== LINE_END || !scanner.isBetween || at - from > this.#recordBytesMax) return undefined;
      list[at] = COMMA;
      lines += 1;
      from = at + 1;
    }
    if (!scanner.isBetween || bytes.length - from > this.#recordBytesMax) return undefined;
    let records: RecordValue[];
    try {
      records = parseBatch(list, { first: 1, offset: 0, isDelicate: scanner.takeDelicate() });
    } catch {
      // A blank line, or a malformed one: the closer look tells.
      return undefined;
    }
    if (records.length !== lines) return undefined;
    this.#lines += lines;
    return records;
  }

  #parseEach(bytes: Buffer): RecordValue[] {
    const records: RecordValue[] = [];
    for (let from = 0; from <= bytes.length;) {
      const end = bytes.indexOf(LINE_END, from);
      const to = end < 0 ? bytes.length : end;
      const line = bytes.subarray(from, to);
      this.#lines += 1;
      if (!line.every(isBlank)) records.push(this.#parseLine(line, from, this.#records + records.length));
      from = to + 1;
    }
    return records;
  }

  #parseLine(line: Buffer, at: number, before: number): RecordValue {
    // The end may be of two characters.
    const blanks = isBlank(line.at(-1)) ? 1 : 0;
    if (line.length - blanks > this.#recordBytesMax) throw this.#tooLong(0, before);
    const where = `record ${before + 1} (line ${this.#lines}), at byte ${this.#offset + at}`;
    const scanner = new ValueScanner('commas');
    const end = scanner.seek(line, 0);
    if (scanner.depth > JSON_DEPTH_MAX)
      throw new DatasetError('bad-document', `${where}: nested deeper than ${JSON_DEPTH_MAX}`);
    if (end < line.length)
      throw new DatasetError('bad-document', `malformed NDJSON in ${where}: something follows the value`);
    const place = { first: before + 1, offset: this.#offset + at, isDelicate: scanner.takeDelicate() };
    const [record = null] = parseBatch(line, place);
    return record;
  }

  /** @param ahead lines that have not been counted yet, up to the one that is too long */
  #tooLong(ahead: number, before: number): DatasetError {
    const where = `record ${before + 1} (line ${this.#lines + ahead})`;
    return new DatasetError('bad-document', `${where} is over limits.recordBytesMax ${this.#recordBytesMax}`);
  }
}
