import { fieldNames, keptFieldOrder } from './field-order.ts';
import { packValue, unpackValue } from './message-pack.ts';
import { isRecordObject } from './record-value.ts';
import type { RecordObject } from './record-value.ts';

/**
 * Plain MessagePack of any value, for what is stored beside partitions: manifests, a caller's own objects. A record has its fields in the order
 * in which they were written.
 *
 * @throws PartitionFormatError `unencodable`
 */
export function encodeValue(value: unknown): Buffer {
  const order = isRecordObject(value) ? keptFieldOrder(value) : undefined;
  if (order === undefined) return packValue(value);
  const record = value as RecordObject;
  return packValue(new Map(fieldNames(record).map((name) => [name, record[name]])));
}

/**
 * The one value that the bytes hold; its shape is the reader's to check. Binary fields are copies.
 *
 * @throws PartitionFormatError `malformed`
 */
export function decodeValue(content: Uint8Array): unknown {
  return unpackValue(content);
}
