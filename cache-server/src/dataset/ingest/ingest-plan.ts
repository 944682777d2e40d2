/** What the server and its ingest worker tell each other. */
import type { Config } from '@pannier/runtime';
import type { DatasetErrorCode } from '../dataset-error.ts';
import type { FieldStatistics } from '../read/field-statistics.ts';
import type { KeyValue } from '../strategy/strategy.ts';

/** How a dataset is to be cut. Everything in it can cross to a thread. */
export interface IngestPlan {
  readonly scope: string;
  readonly settings: Config['datasets'][string];
  readonly limits: Pick<
    Config['limits'],
    'recordBytesMax' | 'partitionsMax' | 'decompressedBytesMax' | 'ingestBytesMax' | 'partitionBytes'
  >;
  /** Where relative paths of modules begin. */
  readonly baseDir: string;
  /** Edges of the ranges by quantiles in the version before, see `joinedEdges`; undefined where they are to be found anew. */
  readonly quantileEdges: readonly number[] | undefined;
}

/** What the worker begins with. */
export interface IngestStart {
  readonly plan: IngestPlan;
  /** Of the `RuleWatch`. */
  readonly ruleMemory: SharedArrayBuffer;
}

/** To the worker. */
export type IngestCommand =
  | { readonly kind: 'document'; readonly contentEncoding: string; readonly place: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'frame'; readonly frame: StoredBytes }
  | { readonly kind: 'document-end' }
  | { readonly kind: 'end' }
  /** A partition that was sent is in the store. */
  | { readonly kind: 'stored' };

/** Bytes of a document as a stored partition of its original. */
export interface StoredBytes {
  readonly scope: string;
  readonly digest: Uint8Array;
  readonly frame: Uint8Array;
  readonly skipBytes: number;
}

/** A partition that is ready for the store. */
export interface CutPartition {
  readonly name: string;
  readonly key: readonly KeyValue[];
  readonly records: number;
  /** Uncompressed, in bytes. */
  readonly contentBytes: number;
  readonly digest: Uint8Array;
  readonly statistics: readonly FieldStatistics[];
  readonly frame: Uint8Array;
}

/** What an ingest counted. */
export interface IngestCounts {
  readonly records: number;
  readonly duplicates: number;
  readonly missing: number;
  readonly dropped: number;
}

/** From the worker. */
export type IngestEvent =
  /** A command was dealt with; the next may come. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'partition'; readonly partition: CutPartition }
  | ({ readonly kind: 'done' } & IngestSummary)
  | { readonly kind: 'failed'; readonly code: DatasetErrorCode | 'internal'; readonly message: string };

/** What is known at the end of an ingest. */
export interface IngestSummary {
  readonly counts: IngestCounts;
  readonly keyNames: readonly string[];
  /** Names of the partitions in their final order. */
  readonly order: readonly string[];
  readonly quantileEdges: readonly number[] | undefined;
}
