/** A small body as one piece, for what has to be looked into. */
import { brotliDecompress, gunzip, zstdDecompress } from 'node:zlib';
import { promisify } from 'node:util';
import { decodeBytes, decodeFrame } from '@pannier/proto/partition-format';
import type { BodyPart, EntryBody } from './entry-answer.ts';
import { CacheServerError } from '../errors.ts';

const MANY = 17 * 1024 * 1024;

/** @throws CacheServerError `limit-exceeded` when it is over `bytesMax`; what ends the body */
export async function wholeBody(body: EntryBody, bytesMax: number, signal: AbortSignal): Promise<Buffer> {
  if (body.inline !== undefined) return Buffer.from(body.inline);
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const part of body.open(0, signal)) {
    const piece = await partBytes(part);
    bytes += piece.length;
    if (bytes > bytesMax) throw new CacheServerError('limit-exceeded', `a body of over ${bytesMax} bytes`);
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

/** The bytes of one step of a body: a view that lasts as long as the step's own memory does. */
export async function partBytes(part: BodyPart): Promise<Buffer> {
  if (part.kind === 'raw')
    return Buffer.from(part.bytes.buffer, part.bytes.byteOffset, part.bytes.byteLength);
  const content = await decodeFrame(part.frame, { ...part, contentBytesMax: MANY });
  return decodeBytes(content).subarray(part.skipBytes);
}

/** The body without its Content-Encoding. */
export async function decodedBody(body: Buffer, coding: string, bytesMax: number): Promise<Buffer> {
  const options = { maxOutputLength: bytesMax };
  if (coding === '' || coding === 'identity') return body;
  if (coding === 'gzip' || coding === 'x-gzip') return await promisify(gunzip)(body, options);
  if (coding === 'br') return await promisify(brotliDecompress)(body, options);
  if (coding === 'zstd') return await promisify(zstdDecompress)(body, options);
  throw new CacheServerError('bad-data', `its Content-Encoding ${coding} is not known`);
}
