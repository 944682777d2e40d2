/** What datasets offer to rpc/ and to operators; `get-dataset.ts` makes it. */
import type { Config, Logger } from '@pannier/runtime';
import type { Clock } from './clock.ts';
import type { DatasetManifest, DatasetPartition } from './dataset-manifest.ts';
import type { DatasetQuery } from './dataset-query.ts';
import type { EntryService } from './entry-service.ts';
import type { EntryStore } from './store/entry-store.ts';

/** What datasets are made of. */
export interface DatasetsDeps {
  readonly entries: EntryService;
  readonly store: EntryStore;
  readonly datasets: Config['datasets'];
  readonly upstreams: Config['upstreams'];
  readonly limits: Pick<
    Config['limits'],
    'recordBytesMax' | 'partitionsMax' | 'decompressedBytesMax' | 'partitionBytes' | 'fetchDeadlineMs'
  >;
  readonly clock: Clock;
  /** Like Math.random. */
  readonly random: () => number;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
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

/** A read that is about to begin. */
export interface DatasetRead {
  readonly manifest: DatasetManifest;
  /** Those that will come. */
  readonly partitions: readonly DatasetPartition[];
  /** Their frames as they are stored, in order. Throws `CacheServerError` `store` when one is lost. */
  frames(): AsyncIterable<{ partition: DatasetPartition; frame: Buffer }>;
}

/** Datasets by name. An unknown name is `not-found`, and the message lists the known ones. */
export interface Datasets {
  /** The current version; fetched and cut first when there is none that is fresh. */
  describe(name: string, signal: AbortSignal): Promise<DatasetManifest>;
  read(query: DatasetQuery, signal: AbortSignal): Promise<DatasetRead>;
  list(): Promise<DatasetOverview[]>;
  /** Gives up the ingests under way. */
  close(): Promise<void>;
}
