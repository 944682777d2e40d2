/** CSV by csv-parse: a row is a record whose fields are texts; `types` makes numbers of them. */
import { parse } from 'csv-parse';
import type { CsvError, Parser } from 'csv-parse';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import type { RecordSource, SourceLimits } from './record-source.ts';

/** How the document is written. */
export interface CsvOptions {
  readonly delimiter: string;
  readonly quote: string;
  /** Names of the columns; undefined: the first row is their names. */
  readonly columns: readonly string[] | undefined;
}

/** One document of rows. */
export class CsvSource implements RecordSource {
  readonly #parser: Parser;
  #error: DatasetError | undefined;

  constructor({ delimiter, quote, columns }: CsvOptions, { recordBytesMax }: SourceLimits) {
    this.#parser = parse({
      delimiter,
      quote,
      columns: columns === undefined ? true : [...columns],
      bom: true,
      skip_empty_lines: true,
      max_record_size: recordBytesMax,
    });
    this.#parser.on('error', (error) => (this.#error ??= refusal(error, recordBytesMax)));
  }

  async push(chunk: Buffer): Promise<RecordValue[]> {
    const written = Promise.withResolvers<undefined>();
    this.#parser.write(chunk, () => written.resolve(undefined));
    return await this.#until(written.promise);
  }

  async end(): Promise<RecordValue[]> {
    const ended = Promise.withResolvers<undefined>();
    this.#parser.once('end', () => ended.resolve(undefined));
    this.#parser.once('close', () => ended.resolve(undefined));
    this.#parser.end();
    return await this.#until(ended.promise);
  }

  /** Reads while the parser works: it stops when nobody takes what it has. */
  async #until(done: Promise<undefined>): Promise<RecordValue[]> {
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
    for (let row = this.#next(); row !== null; row = this.#next()) records.push(row);
    if (this.#error !== undefined) throw this.#error;
  }

  #next(): Record<string, string> | null {
    return this.#parser.read() as Record<string, string> | null;
  }
}

function refusal(error: Error, recordBytesMax: number): DatasetError {
  const { code, lines, records } = error as CsvError & { lines?: number; records?: number };
  const where = `record ${(records ?? 0) + 1}, line ${lines ?? '?'}`;
  if (code === 'CSV_MAX_RECORD_SIZE')
    return new DatasetError('bad-document', `${where}: over limits.recordBytesMax ${recordBytesMax}`);
  return new DatasetError('bad-document', `malformed CSV in ${where}: ${error.message}`, { cause: error });
}
