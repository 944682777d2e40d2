/**
 * `hash`: a fixed number of buckets. The bucket is the CRC-32 (that of zlib, gzip and PNG) of the values' canonical encoding, modulo the number
 * of buckets, so that a program in any language finds its bucket; docs/partitioning.md has test vectors.
 *
 * | value                                      | encoding                                                      |
 * |--------------------------------------------|---------------------------------------------------------------|
 * | null                                       | 01                                                            |
 * | false, true                                | 02, 03                                                        |
 * | a number that a double holds               | 04, then the double's 8 bytes, big-endian; -0 as 0            |
 * | any other number                           | 05, its text's length (4 bytes, big-endian), its text in ASCII |
 * | a string                                   | 06, its length in bytes (4 bytes, big-endian), UTF-8           |
 * | a list or an object                        | as the string of its JSON text                                 |
 *
 * Several fields follow one another. A record that lacks one goes to `missing`.
 */
import { crc32 } from 'node:zlib';
import { ExactNumber } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { fieldValue, keyValue, MISSING } from './key-value.ts';
import type { OpenStrategy, Placement, Strategy } from './strategy.ts';

const scratch = Buffer.allocUnsafe(9);

/** CRC-32 of the values' encoding; undefined when one is absent. */
function bucketHash(record: RecordValue, fields: readonly string[]): number | undefined {
  let crc = 0;
  for (const field of fields) {
    const value = fieldValue(record, field);
    if (value === undefined) return undefined;
    crc = hashValue(value, record, { field, crc });
  }
  return crc;
}

function hashValue(
  value: RecordValue,
  record: RecordValue,
  { field, crc }: { field: string; crc: number },
): number {
  if (typeof value === 'string') return hashText(0x06, value, crc);
  if (typeof value === 'number') return hashDouble(value, crc);
  if (typeof value === 'boolean' || value === null) {
    scratch[0] = value === null ? 0x01 : value ? 0x03 : 0x02;
    return crc32(scratch.subarray(0, 1), crc);
  }
  if (typeof value === 'bigint')
    return BigInt(Number(value)) === value
      ? hashDouble(Number(value), crc)
      : hashText(0x05, String(value), crc);
  if (value instanceof ExactNumber) return hashText(0x05, value.text, crc);
  return hashText(0x06, String(keyValue(record, field)), crc);
}

function hashDouble(value: number, crc: number): number {
  scratch[0] = 0x04;
  scratch.writeDoubleBE(value === 0 ? 0 : value, 1);
  return crc32(scratch, crc);
}

function hashText(tag: number, text: string, crc: number): number {
  scratch[0] = tag;
  scratch.writeUInt32BE(Buffer.byteLength(text), 1);
  return crc32(text, crc32(scratch.subarray(0, 5), crc));
}

class HashStrategy implements Strategy {
  readonly keyNames = ['bucket'];
  missing = 0;
  readonly #fields: readonly string[];
  readonly #places: readonly (readonly Placement[])[];

  constructor(fields: readonly string[], buckets: number) {
    this.#fields = fields;
    const width = String(buckets - 1).length;
    this.#places = Array.from({ length: buckets }, (_none, bucket) => [
      { name: `bucket-${String(bucket).padStart(width, '0')}`, key: [bucket] },
    ]);
  }

  place(record: RecordValue): readonly Placement[] {
    const hash = bucketHash(record, this.#fields);
    const placed = hash === undefined ? undefined : this.#places[hash % this.#places.length];
    if (placed !== undefined) return placed;
    this.missing += 1;
    return [{ name: MISSING, key: [undefined] }];
  }
}

/** @param buckets at least 1 */
export function hashStrategy(fields: readonly string[], buckets: number): OpenStrategy {
  return () => new HashStrategy(fields, buckets);
}
