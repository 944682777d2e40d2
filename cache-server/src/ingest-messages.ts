/** What the server and its ingest worker tell each other. */
import type { FieldSeen, KeyValue } from './partition/field-partitioner.ts';

/** How a dataset is to be cut. */
export interface IngestPlan {
  readonly scope: string;
  readonly pointer: string;
  readonly fields: readonly string[];
  readonly recordBytesMax: number;
  readonly partitionsMax: number;
}

/** To the worker. */
export type IngestCommand =
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'written' };

/** A partition ready for the store. */
export interface IngestedPartition {
  readonly name: string;
  readonly key: readonly KeyValue[];
  readonly records: number;
  readonly contentBytes: number;
  readonly digest: Uint8Array;
  readonly frame: Uint8Array;
}

/** From the worker. A failure names the position in the document. */
export type IngestEvent =
  | { readonly kind: 'scanned' }
  | { readonly kind: 'partitions'; readonly partitions: readonly IngestedPartition[] }
  | { readonly kind: 'done'; readonly records: number; readonly fields: readonly FieldSeen[] }
  | { readonly kind: 'failed'; readonly message: string };
