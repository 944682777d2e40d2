/** The manifest of a dataset: its version, its fields, and where the records of each partition are. */
import { crc32 } from 'node:zlib';
import { decodeValue, encodeValue } from '@pannier/proto/partition-format';
import { CacheServerError } from './errors.ts';
import type { FieldSeen, KeyValue } from './partition/field-partitioner.ts';

/** One partition of a dataset. */
export interface DatasetPartition {
  readonly name: string;
  readonly key: readonly KeyValue[];
  readonly records: number;
  /** Uncompressed, in bytes. */
  readonly contentBytes: number;
  readonly storedBytes: number;
  readonly digest: Uint8Array;
}

/** A version of a dataset. */
export interface DatasetManifest {
  readonly dataset: string;
  readonly scope: string;
  readonly version: string;
  /** Version of the original that the records were cut from. */
  readonly sourceVersion: string;
  readonly publishedAtMs: number;
  readonly records: number;
  readonly partitionFields: readonly string[];
  readonly fields: readonly FieldSeen[];
  readonly partitions: readonly DatasetPartition[];
}

const MAGIC = 0x504e5244; // "PNRD"
const HEAD_BYTES = 9;
const FORMAT_VERSION = 1;

/** Absent is not null, and MessagePack has no word for it: a key value is a list of one, or an empty one. */
type WireKey = [] | [KeyValue];

/** The manifest's bytes: `PNRD`, the format version, a CRC-32 over key and content, one MessagePack map. */
export function encodeDatasetManifest(keyText: string, manifest: DatasetManifest): Buffer {
  const partitions = manifest.partitions.map((partition) => ({
    ...partition,
    key: partition.key.map((value): WireKey => (value === undefined ? [] : [value])),
  }));
  const content = encodeValue({ ...manifest, partitions });
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + content.length);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeUInt8(FORMAT_VERSION, 4);
  bytes.writeUInt32BE(crc32(content, crc32(keyText)), 5);
  bytes.set(content, HEAD_BYTES);
  return bytes;
}

/** @throws CacheServerError `bad-data` for damage, another key's bytes or another format, all of which are a miss */
export function decodeDatasetManifest(keyText: string, bytes: Buffer): DatasetManifest {
  const content = bytes.subarray(HEAD_BYTES);
  const fits =
    bytes.length > HEAD_BYTES &&
    bytes.readUInt32BE(0) === MAGIC &&
    bytes.readUInt8(4) === FORMAT_VERSION &&
    bytes.readUInt32BE(5) === crc32(content, crc32(keyText));
  if (!fits) throw new CacheServerError('bad-data', 'the stored dataset manifest cannot be read');
  // The checksum proves that these are the bytes that encodeDatasetManifest wrote.
  const manifest = decodeValue(content) as Omit<DatasetManifest, 'partitions'> & {
    partitions: (Omit<DatasetPartition, 'key'> & { key: WireKey[] })[];
  };
  const partitions = manifest.partitions.map((partition) => ({
    ...partition,
    key: partition.key.map(([value]) => value),
  }));
  return { ...manifest, partitions };
}
