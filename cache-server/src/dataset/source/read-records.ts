/** A document's bytes, as they arrive, to its records: undo the compression, find the records, a batch at a time. */
import { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib';
import type { Config } from '@pannier/runtime';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { CsvSource } from './csv.ts';
import { JsonArraySource } from './json-array.ts';
import { NdjsonSource } from './ndjson.ts';
import type { RecordSource, SourceLimits } from './record-source.ts';

type DatasetSettings = Config['datasets'][string];

/** How a document is written. */
export interface DocumentFormat extends Pick<DatasetSettings, 'format' | 'compression' | 'records' | 'csv'> {
  /** Content-Encoding of the response; '' for none. */
  readonly contentEncoding: string;
}

const DECODERS: Readonly<Record<string, () => NodeJS.ReadWriteStream>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};
/** Larger chunks are parsed in steps, so that none takes long. */
const STEP_BYTES = 64 * 1024;

/** @throws DatasetError `bad-document`, `limit-exceeded` */
export async function* readRecords(
  bytes: AsyncIterable<Buffer>,
  format: DocumentFormat,
  limits: SourceLimits,
): AsyncGenerator<RecordValue[]> {
  const source = openSource(format, limits);
  const codings = [format.contentEncoding, format.compression === 'none' ? '' : format.compression];
  let plain: AsyncIterable<Buffer> = bytes;
  for (const coding of codings.filter((one) => one !== '' && one !== 'identity')) {
    plain = decompressed(plain, coding);
  }
  let total = 0;
  for await (const chunk of plain) {
    total += chunk.length;
    if (total > limits.decompressedBytesMax) {
      throw new DatasetError(
        'limit-exceeded',
        `the document is over limits.decompressedBytesMax ${limits.decompressedBytesMax}`,
      );
    }
    for (let at = 0; at < chunk.length; at += STEP_BYTES) {
      const records = await source.push(chunk.subarray(at, at + STEP_BYTES));
      if (records.length > 0) yield records;
    }
  }
  const last = await source.end();
  if (last.length > 0) yield last;
}

function openSource({ format, records, csv }: DocumentFormat, limits: SourceLimits): RecordSource {
  if (format === 'ndjson') return new NdjsonSource(limits);
  return format === 'csv'
    ? new CsvSource({ ...csv, columns: csv.columns }, limits)
    : new JsonArraySource(records, limits);
}

async function* decompressed(bytes: AsyncIterable<Buffer>, coding: string): AsyncGenerator<Buffer> {
  const decoder = DECODERS[coding]?.();
  if (decoder === undefined) throw new DatasetError('bad-document', `its coding ${coding} is not known`);
  const source: { error?: Error } = {};
  async function* watched(): AsyncGenerator<Buffer> {
    try {
      yield* bytes;
    } catch (error) {
      source.error = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }
  try {
    yield* Readable.from(watched()).compose(decoder) as AsyncIterable<Buffer>;
  } catch (cause) {
    if (source.error !== undefined) throw source.error;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError('bad-document', `the ${coding} document is damaged or cut short: ${why}`, {
      cause,
    });
  }
}
