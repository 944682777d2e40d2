/** A document's bytes, as they arrive, to its records: undo the compression, find the records, a batch at a time. */
import type { Config } from '@pannier/runtime';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { CsvSource } from './csv.ts';
import { codingsOf, decompressed } from './decompression.ts';
import { JsonArraySource } from './json-array.ts';
import { NdjsonSource } from './ndjson.ts';
import type { RecordSource, SourceLimits } from './record-source.ts';

type DatasetSettings = Config['datasets'][string];

/** How a document is written. */
export interface DocumentFormat extends Pick<DatasetSettings, 'format' | 'compression' | 'records' | 'csv'> {
  /** Content-Encoding of the response; '' for none. */
  readonly contentEncoding: string;
}

/** Larger chunks are parsed in steps, so that none takes long. */
const STEP_BYTES = 64 * 1024;

/** @throws DatasetError `bad-document`, `limit-exceeded`; what `bytes` throws */
export async function* readRecords(
  bytes: AsyncIterable<Buffer>,
  format: DocumentFormat,
  limits: SourceLimits,
): AsyncGenerator<RecordValue[]> {
  const source = openSource(format, limits);
  let plain = bytes;
  for (const coding of codingsOf(format.contentEncoding, format.compression))
    plain = bounded(decompressed(plain, coding), limits);
  for await (const chunk of bounded(plain, limits)) {
    for (let at = 0; at < chunk.length; at += STEP_BYTES) {
      const records = await source.push(chunk.subarray(at, at + STEP_BYTES));
      if (records.length > 0) yield records;
    }
  }
  const last = await source.end();
  if (last.length > 0) yield last;
}

async function* bounded(
  bytes: AsyncIterable<Buffer>,
  { decompressedBytesMax }: SourceLimits,
): AsyncGenerator<Buffer> {
  let total = 0;
  for await (const chunk of bytes) {
    total += chunk.length;
    if (total > decompressedBytesMax) {
      const what = `the document is over limits.decompressedBytesMax ${decompressedBytesMax}`;
      throw new DatasetError('limit-exceeded', what);
    }
    yield chunk;
  }
}

/** A reader for a document that is compressed no more. */
export function openSource(
  { format, records, csv }: Omit<DocumentFormat, 'contentEncoding'>,
  limits: SourceLimits,
): RecordSource {
  if (format === 'ndjson') return new NdjsonSource(limits);
  return format === 'csv'
    ? new CsvSource({ ...csv, columns: csv.columns }, limits)
    : new JsonArraySource(records, limits);
}
