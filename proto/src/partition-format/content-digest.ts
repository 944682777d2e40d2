import { createHash } from 'node:crypto';

/** Joins every digest and heads every frame. A change of either layout raises it. */
export const PARTITION_FORMAT_VERSION = 1;

/** Bytes in a digest: SHA-256. */
export const DIGEST_BYTES = 32;

/** What the content of a partition is: one `bin` of the upstream's exact bytes, or records laid out by shape. */
export type PartitionKind = 'original' | 'dataset';

/**
 * The name of a partition: SHA-256 over format version, kind and the canonical *uncompressed* content. Compressed
 * bytes would not do: zstd's output changes between its releases, and the same content must keep its name.
 *
 * Costs about 1 ms for 1 MiB, so it is taken when a partition is written; readers check the frame's CRC32 instead.
 *
 * @param content what `encodeBytes` or `encodeRecords` returned
 * @returns 32 bytes
 */
export function contentDigest(content: Uint8Array, kind: PartitionKind): Buffer {
  return createHash('sha256')
    .update(`pannier-partition/${PARTITION_FORMAT_VERSION}/${kind}\n`)
    .update(content)
    .digest();
}
