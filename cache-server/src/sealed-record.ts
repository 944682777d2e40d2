/** Small records in the store, of entries as of datasets: a magic word, a format version, a CRC-32 over key and content, one MessagePack value. */
import { crc32 } from 'node:zlib';
import { decodeValue, encodeValue } from '@pannier/proto/partition-format';

const HEAD_BYTES = 9;

/** What tells one kind of record from another. */
export interface RecordKind {
  /** Four ASCII letters. */
  readonly magic: string;
  readonly version: number;
}

/** Whether bytes begin as such records do, of whichever version. */
export function isOfKind({ magic }: RecordKind, bytes: Buffer): boolean {
  return bytes.length >= HEAD_BYTES && bytes.toString('latin1', 0, 4) === magic;
}

/** The record's bytes, bound to its key. */
export function sealRecord({ magic, version }: RecordKind, keyText: string, value: unknown): Buffer {
  const content = encodeValue(value);
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + content.length);
  bytes.write(magic, 0, 'latin1');
  bytes.writeUInt8(version, 4);
  bytes.writeUInt32BE(crc32(content, crc32(keyText)), 5);
  bytes.set(content, HEAD_BYTES);
  return bytes;
}

/** What was sealed under this key; undefined for damage, another key's bytes or another format, all of which are a miss. */
export function unsealRecord(kind: RecordKind, keyText: string, bytes: Buffer): unknown {
  const content = bytes.subarray(HEAD_BYTES);
  const fits =
    isOfKind(kind, bytes) &&
    bytes.readUInt8(4) === kind.version &&
    bytes.readUInt32BE(5) === crc32(content, crc32(keyText));
  return fits ? decodeValue(content) : undefined;
}
