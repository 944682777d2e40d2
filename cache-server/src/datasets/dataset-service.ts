/** What datasets offer to rpc/ and to operators; `get-dataset.ts` makes it. */
import type { Config, Logger, Metrics } from '@pannier/runtime';
import type { Clock } from '../clock.ts';
import type { RecordFilter } from '../dataset/read/record-filter.ts';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import type { PartitionDiff, RecordDiff } from '../dataset/version/version-diff.ts';
import type { ShelvedVersion } from '../dataset/version/version-shelf.ts';
import type { EntryService } from '../entry/entry-service.ts';
import type { Generations } from '../generation/generations.ts';
import type { LeaseStore } from '../lease/lease-store.ts';
import type { EntryStore } from '../store/entry-store.ts';

/** What datasets are made of. */
export interface DatasetsDeps {
  readonly entries: EntryService;
  readonly store: EntryStore;
  readonly generations: Pick<Generations, 'announce' | 'capture' | 'judge'>;
  /** Who of several servers cuts; absent for a server that is alone. */
  readonly leases?: LeaseStore | undefined;
  readonly datasets: Config['datasets'];
  readonly upstreams: Config['upstreams'];
  readonly limits: Config['limits'];
  readonly clock: Clock;
  /** Like Math.random. */
  readonly random: () => number;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: Metrics;
  /** Where relative paths of modules begin. */
  readonly baseDir: string;
  /** What this server may keep of datasets in its own memory while a store that others share is away, in bytes. */
  readonly makeshiftBytesMax: number;
}

/** A declared dataset and its stored version, for listings. */
export interface DatasetOverview {
  readonly dataset: string;
  readonly upstream: string;
  readonly endpoint: string;
  readonly version: string;
  readonly records: number;
  readonly partitions: number;
}

/** What a reader asks for. */
export interface DatasetQuery {
  readonly dataset: string;
  /** Names of partitions; empty for all. */
  readonly partitions: readonly string[];
  readonly filter: RecordFilter | undefined;
  /** Fields wanted; empty for all. */
  readonly fields: readonly string[];
  /** '' for the current version. */
  readonly version: string;
  /** Partitions of this query to leave out at the start. */
  readonly skipPartitions: number;
  /** Hexadecimal digests of partitions that the reader has. */
  readonly held: ReadonlySet<string>;
}

/** One partition of a read. */
export interface ReadPartition {
  readonly name: string;
  /** Among the partitions of the read, counted from 0. */
  readonly index: number;
  /** Of the partition as it is stored. */
  readonly digest: Uint8Array;
  /** Number of records in what is sent. */
  readonly records: number;
  /** Undefined when the reader holds it. */
  readonly sent: { readonly digest: Uint8Array; readonly frame: Uint8Array } | undefined;
}

/** A read that is about to begin. */
export interface DatasetRead {
  readonly version: string;
  readonly scope: string;
  /** Partitions and records that will come before any row filter; 0 while the read is provisional. */
  readonly partitions: number;
  readonly records: number;
  readonly provisional: boolean;
  /** What the version holds; undefined while the read is provisional. */
  readonly manifest: DatasetManifest | undefined;
  /** The partitions in order; it throws when one is lost, or when the version that is being fetched fails. */
  parts(): AsyncIterable<ReadPartition>;
}

/** How far a dataset has been cut. */
export interface CutProgress {
  /** Read of the source. */
  readonly bytes: number;
  /** Undefined while unknown. */
  readonly bytesTotal: number | undefined;
  readonly records: number;
  readonly partitions: number;
}

/** A version became the current one. */
export interface DatasetPublication {
  readonly dataset: string;
  readonly version: string;
  /** '' at first. */
  readonly formerVersion: string;
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** Versions of a dataset, for operators. */
export interface DatasetVersions {
  readonly current: string;
  readonly versions: readonly ShelvedVersion[];
}

/** What to compare. */
export interface DiffQuery {
  readonly dataset: string;
  readonly from: string;
  /** '' for the current one. */
  readonly to: string;
  /** Fields that identify a record; empty: those of the declaration, or none. */
  readonly keyFields: readonly string[];
  readonly limit: number;
}

/** Datasets by name. An unknown name is `not-found`, and the message lists the known ones. */
export interface Datasets {
  /** A version; the current one is fetched and cut first when there is none that is fresh. */
  describe(name: string, version: string, signal: AbortSignal): Promise<DatasetManifest>;
  read(query: DatasetQuery, signal: AbortSignal): Promise<DatasetRead>;
  /** Fetches and cuts what is newer, for nobody; ends when it is published. Going on is not the signal's: it ends the waiting. */
  warm(name: string, signal: AbortSignal, onCut: (progress: CutProgress) => void): Promise<void>;
  list(): Promise<DatasetOverview[]>;
  versions(name: string): Promise<DatasetVersions>;
  pin(name: string, version: string, pinned: boolean): Promise<void>;
  /** Makes an older version the current one, until the upstream has something newer. */
  rollback(name: string, version: string): Promise<void>;
  diff(
    query: DiffQuery,
    signal: AbortSignal,
  ): Promise<PartitionDiff & { readonly records: RecordDiff | undefined }>;
  /** Counts bytes of partitions that were sent to readers. */
  onSent(bytes: number): void;
  /** Gives up the ingests under way. */
  close(): Promise<void>;
}
