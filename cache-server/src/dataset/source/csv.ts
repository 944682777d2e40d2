/** CSV by csv-parse: a row is a record whose fields are texts; `types` makes numbers of them. */
import { parse } from 'csv-parse';
import type { CsvError, Parser } from 'csv-parse';
import { keepFieldOrder, losesOrder } from '@pannier/proto/partition-format';
import type { RecordObject, RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import type { RecordSource, SourceLimits } from './record-source.ts';
import { Utf8Guard } from './utf8-guard.ts';

/** How the document is written. */
export interface CsvOptions {
  readonly delimiter: string;
  readonly quote: string;
  /** Names of the columns; undefined: the first row is their names. */
  readonly columns?: readonly string[] | undefined;
}

/** Characters after which csv-parse has surely read those before. */
const LOOK_AHEAD = 16;

/** One document of rows. */
export class CsvSource implements RecordSource {
  readonly #parser: Parser;
  readonly #guard = new Utf8Guard();
  readonly #recordBytesMax: number;
  /** Rows before the first record: 1 where the names are a row. */
  readonly #headerRows: number;
  #columns: readonly string[] | undefined;
  /** Whether objects list the columns in another order. */
  #losesOrder: boolean | undefined;
  #error: DatasetError | undefined;

  constructor({ delimiter, quote, columns }: CsvOptions, { recordBytesMax }: SourceLimits) {
    this.#recordBytesMax = recordBytesMax;
    this.#headerRows = columns === undefined ? 1 : 0;
    this.#columns = columns;
    this.#parser = parse({
      delimiter,
      quote,
      escape: quote,
      // All of them: found by the first line alone, another line's carriage return would become text.
      record_delimiter: ['\r\n', '\n', '\r'],
      bom: true,
      skip_empty_lines: true,
      max_record_size: recordBytesMax,
    });
    this.#parser.on('error', (error) => (this.#error ??= this.#refusal(error)));
  }

  async push(chunk: Buffer): Promise<RecordValue[]> {
    const { valid, invalidAt } = this.#guard.push(chunk);
    const records = await this.#write(valid);
    if (invalidAt !== undefined) throw await this.#notUtf8(invalidAt);
    return records;
  }

  async end(): Promise<RecordValue[]> {
    const { invalidAt } = this.#guard.end();
    if (invalidAt !== undefined) throw await this.#notUtf8(invalidAt);
    const ended = Promise.withResolvers<undefined>();
    this.#parser.once('end', () => ended.resolve(undefined));
    this.#parser.once('close', () => ended.resolve(undefined));
    this.#parser.end();
    const records = await this.#readUntil(ended.promise);
    if (this.#columns === undefined)
      throw new DatasetError('bad-document', 'the document is empty: it has no row of names');
    return records;
  }

  async #write(bytes: Buffer): Promise<RecordValue[]> {
    const written = Promise.withResolvers<undefined>();
    // csv-parse holds on to the end of what it was given.
    this.#parser.write(Buffer.from(bytes), () => written.resolve(undefined));
    return await this.#readUntil(written.promise);
  }

  /** Reads while the parser works: it stops when nobody takes what it has. */
  async #readUntil(done: Promise<undefined>): Promise<RecordValue[]> {
    const records: RecordValue[] = [];
    const progress = { isDone: false };
    const finished = done.then(() => (progress.isDone = true));
    while (!progress.isDone) {
      this.#take(records);
      await Promise.race([finished, new Promise((resolve) => setImmediate(resolve))]);
    }
    this.#take(records);
    return records;
  }

  #take(records: RecordValue[]): void {
    for (let row = this.#next(); row !== null; row = this.#next()) {
      const columns = this.#columns ?? this.#readNames(row);
      // Later rows are of the first one's length: csv-parse sees to that.
      if (row.length !== columns.length) throw this.#ragged(row, columns);
      if (row !== columns) {
        const record = toRecord(row, columns);
        if ((this.#losesOrder ??= losesOrder(columns))) keepFieldOrder(record, columns);
        records.push(record);
      }
    }
    if (this.#error !== undefined) throw this.#error;
  }

  #next(): string[] | null {
    return this.#parser.read() as string[] | null;
  }

  #readNames(row: readonly string[]): readonly string[] {
    const twice = row.find((name, at) => row.indexOf(name) !== at);
    if (twice !== undefined)
      throw new DatasetError('bad-document', `two columns have the name ${JSON.stringify(twice)}`);
    if (row.includes('__proto__'))
      throw new DatasetError('bad-document', 'a column cannot be called __proto__');
    this.#columns = row;
    return row;
  }

  #ragged(row: readonly string[], columns: readonly string[]): DatasetError {
    const what = `${row.length} fields in the first row, ${columns.length} names in csv.columns`;
    return new DatasetError('bad-document', `malformed CSV in record 1: ${what}`);
  }

  async #notUtf8(offset: number): Promise<DatasetError> {
    // It looks ahead: more text, whatever it says, brings it to the place.
    await this.#write(Buffer.from('\ufffd'.repeat(LOOK_AHEAD)));
    const { records, lines } = this.#parser.info;
    const where = this.#where(records, lines);
    return new DatasetError('bad-document', `malformed CSV in ${where}, at byte ${offset}: it is not UTF-8`);
  }

  #refusal(error: Error): DatasetError {
    const { code, lines, records } = error as CsvError & { lines?: number; records?: number };
    const where = this.#where(records ?? 0, lines ?? 1);
    if (code === 'CSV_MAX_RECORD_SIZE')
      return new DatasetError(
        'bad-document',
        `${where} is over limits.recordBytesMax ${this.#recordBytesMax}`,
      );
    return new DatasetError('bad-document', `malformed CSV in ${where}: ${error.message}`, { cause: error });
  }

  #where(rows: number, lines: number): string {
    return rows < this.#headerRows
      ? 'the row of names'
      : `record ${rows + 1 - this.#headerRows}, line ${lines}`;
  }
}

function toRecord(row: readonly string[], columns: readonly string[]): RecordObject {
  const record: Record<string, string> = {};
  for (let at = 0; at < columns.length; at += 1) record[columns[at] ?? ''] = row[at] ?? '';
  return record;
}
