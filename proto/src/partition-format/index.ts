/** The unit of storage and streaming: what a partition contains, how it is named, and the frame it travels in. */
export { compareUtf8 } from './compare-utf8.ts';
export { decodeBytes, encodeBytes } from './bytes-content.ts';
export {
  decodeLayout,
  decodeRecords,
  encodeLayout,
  encodeRecords,
  layoutRecords,
  recordsOf,
  rowsIn,
  rowsOf,
} from './records-content.ts';
export { RecordLayout } from './record-layout.ts';
export type { ColumnBlock, RecordColumns } from './record-layout.ts';
export { fieldNames, isIndexName, keepFieldOrder, keptFieldOrder, losesOrder } from './field-order.ts';
export { decodeValue, encodeValue } from './value.ts';
export { contentDigest, DIGEST_BYTES, PARTITION_FORMAT_VERSION } from './content-digest.ts';
export type { PartitionKind } from './content-digest.ts';
export { filterTest, recordTest, valueTest } from '../record-filter/record-filter.ts';
export type { FieldCondition, FilterValue, RecordFilter, ValueTest } from '../record-filter/record-filter.ts';
export { EXACT_NUMBER_EXTENSION, ExactNumber, numberFromText } from './exact-number.ts';
export { isRecordObject } from './record-value.ts';
export type { RecordObject, RecordValue } from './record-value.ts';
export { checkFrame, decodeFrame, encodeFrame, frameInfo } from './frame.ts';
export type { DecodeFrameOptions, EncodeFrameOptions, FrameBinding } from './frame.ts';
export { FRAME_HEADER_BYTES } from './frame-header.ts';
export type { FrameCodec, FrameInfo } from './frame-header.ts';
export { PartitionFormatError } from './partition-format-error.ts';
export type { PartitionFormatErrorCode } from './partition-format-error.ts';
