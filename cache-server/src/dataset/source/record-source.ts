/** How a document becomes records. */
import type { RecordValue } from '@pannier/proto/partition-format';

/** A reader of one document; it is pushed what arrives and hands out what is whole. */
export interface RecordSource {
  /** @throws DatasetError `bad-document`, naming the record and where it is */
  push(chunk: Buffer): RecordValue[] | Promise<RecordValue[]>;
  /** The last records. @throws DatasetError `bad-document` when the document is not at its end */
  end(): RecordValue[] | Promise<RecordValue[]>;
}

/** Bounds of a document, in bytes. */
export interface SourceLimits {
  readonly recordBytesMax: number;
  /** What a document may be once it is decompressed. */
  readonly decompressedBytesMax: number;
}
