import { packValue, unpackValue } from './message-pack.ts';

/**
 * Plain MessagePack of any value, for what is stored beside partitions: manifests, a caller's own objects.
 *
 * @throws PartitionFormatError `unencodable`
 */
export function encodeValue(value: unknown): Buffer {
  return packValue(value);
}

/**
 * The one value that the bytes hold; its shape is the reader's to check. Binary fields are copies.
 *
 * @throws PartitionFormatError `malformed`
 */
export function decodeValue(content: Uint8Array): unknown {
  return unpackValue(content);
}
