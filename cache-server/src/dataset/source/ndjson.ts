/** NDJSON: one JSON value a line; blank lines are none, and the last line needs no end. */
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { parseBatch, parseJson } from './json-batch.ts';
import type { RecordSource, SourceLimits } from './record-source.ts';

const NEWLINE = 0x0a;

/** One document of lines. */
export class NdjsonSource implements RecordSource {
  readonly #limits: SourceLimits;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #line = 0;
  #offset = 0;

  constructor(limits: SourceLimits) {
    this.#limits = limits;
  }

  push(chunk: Buffer): RecordValue[] {
    const lastEnd = chunk.lastIndexOf(NEWLINE);
    if (lastEnd < 0) {
      this.#keep(chunk);
      return [];
    }
    const head = chunk.subarray(0, lastEnd);
    const lines = this.#pending.length === 0 ? head : Buffer.concat([...this.#pending, head]);
    this.#pending = [];
    this.#pendingBytes = 0;
    const records = this.#parse(lines);
    this.#offset += lines.length + 1;
    this.#keep(chunk.subarray(lastEnd + 1));
    return records;
  }

  end(): RecordValue[] {
    return this.#pendingBytes === 0 ? [] : this.#parse(Buffer.concat(this.#pending));
  }

  #keep(rest: Buffer): void {
    this.#pendingBytes += rest.length;
    if (this.#pendingBytes > this.#limits.recordBytesMax) throw this.#tooLong(this.#line + 1);
    if (rest.length > 0) this.#pending.push(Buffer.from(rest));
  }

  #parse(bytes: Buffer): RecordValue[] {
    let lines = 1;
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      if (at - from > this.#limits.recordBytesMax) throw this.#tooLong(this.#line + lines);
      lines += 1;
      from = at + 1;
    }
    if (bytes.length - from > this.#limits.recordBytesMax) throw this.#tooLong(this.#line + lines);
    const text = bytes.toString('utf8');
    let records: RecordValue[] | undefined;
    try {
      // A line break cannot stand inside a JSON value but between its tokens, so that the lines of a good document join to a list.
      records = parseJson(`[${text.replaceAll('\n', ',')}]`) as RecordValue[];
    } catch {
      // Blank lines, or a malformed one: one by one.
    }
    // Two values on one line would join just as well, and so would a value on two lines.
    if (records?.length !== lines || text.includes('\ufffd')) records = this.#parseEach(bytes);
    this.#line += lines;
    return records;
  }

  #parseEach(bytes: Buffer): RecordValue[] {
    const records: RecordValue[] = [];
    let line = this.#line;
    for (let from = 0; from <= bytes.length;) {
      const end = bytes.indexOf(NEWLINE, from);
      const to = end < 0 ? bytes.length : end;
      const one = bytes.subarray(from, to);
      line += 1;
      if (!isBlank(one)) {
        const found = parseBatch(one, { first: line, offset: this.#offset + from });
        if (found.length !== 1) {
          throw new DatasetError('bad-document', `malformed NDJSON: ${found.length} values in line ${line}`);
        }
        records.push(found[0] ?? null);
      }
      from = to + 1;
    }
    return records;
  }

  #tooLong(line: number): DatasetError {
    return new DatasetError(
      'bad-document',
      `record ${line} is over limits.recordBytesMax ${this.#limits.recordBytesMax}`,
    );
  }
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
