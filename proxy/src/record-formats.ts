/** How the dataset door writes records: lines of JSON, a JSON array, or MessagePack values; and how it compresses them. */
import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib';
import { encodeValue, fieldNames, isRecordObject, keptFieldOrder } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { ProxyError } from './errors.ts';

/** Records as they come. */
export type Records = AsyncIterable<RecordValue>;

/** TypeScript's library lags behind V8 here: JSON.rawJSON keeps every digit of an integer that a double does not hold. */
const RawJson = JSON as JSON & { rawJSON(text: string): unknown };

/** A record as JSON, its fields in the order in which they were written. */
function recordJson(record: RecordValue): string {
  if (!isRecordObject(record) || keptFieldOrder(record) === undefined) return json(record);
  return `{${fieldNames(record)
    .map((name) => `${json(name)}:${json(record[name])}`)
    .join(',')}}`;
}

/** JSON that keeps every digit. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_name, field: unknown) => {
    if (typeof field === 'bigint') return RawJson.rawJSON(String(field));
    return field instanceof Uint8Array ? Buffer.from(field).toString('base64') : field;
  });
}

/** Ways to write records, the first of which is the default. */
export const FORMATS: Readonly<Record<string, (records: Records) => AsyncGenerator<string | Buffer>>> = {
  'application/x-ndjson': async function* lines(records) {
    for await (const record of records) yield `${recordJson(record)}\n`;
  },
  'application/json': async function* array(records) {
    let before = '[';
    for await (const record of records) {
      yield before + recordJson(record);
      before = ',\n';
    }
    yield before === '[' ? '[]\n' : ']\n';
  },
  'application/msgpack': async function* values(records) {
    for await (const record of records) yield encodeValue(record);
  },
};

/** Content codings, the best first. */
export const CODINGS: Readonly<Record<string, () => Transform>> = {
  zstd: createZstdCompress,
  br: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
  gzip: createGzip,
};

/** The format that a client asks for. @throws ProxyError `bad-request` when it wants none of ours */
export function formatFor(accept: readonly string[]): string {
  const wanted = accept.map((one) => one.split(';')[0]?.trim() ?? '');
  if (wanted.includes('application/vnd.msgpack') || wanted.includes('application/x-msgpack'))
    return 'application/msgpack';
  const found = wanted.find((one) => Object.hasOwn(FORMATS, one));
  if (found !== undefined) return found;
  if (wanted.length === 0 || wanted.some((one) => one === '*/*' || one === 'application/*'))
    return 'application/x-ndjson';
  throw new ProxyError('bad-request', `Accept: none of ${Object.keys(FORMATS).join(', ')}`);
}

/** The best coding that a client accepts; '' for none. */
export function codingFor(accepted: readonly string[]): string {
  const offered = accepted
    .filter((one) => !/;\s*q=0(?:\.0*)?$/.test(one))
    .map((one) => one.split(';')[0]?.trim());
  return Object.keys(CODINGS).find((coding) => offered.includes(coding)) ?? '';
}

const CHUNK_BYTES = 64 * 1024;

/** A write for every record would cost more than the record. */
export async function* inChunks(pieces: AsyncIterable<string | Buffer>): AsyncGenerator<Buffer> {
  let chunk: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    const buffer = typeof piece === 'string' ? Buffer.from(piece) : piece;
    chunk.push(buffer);
    bytes += buffer.length;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(chunk);
    chunk = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(chunk);
}
