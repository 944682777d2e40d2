/** Pannier's client for programs: HTTP through the cache, records of datasets, and objects of one's own. */
export { connect } from './connect.ts';
export type { PannierClient } from './connect.ts';
export type { CallOptions, ClientOptions } from './client-options.ts';
export type { Dataset, DatasetChanges } from './dataset.ts';
export type { ReadOptions } from './record-read.ts';
export type { DatasetShard, RecordsOptions, ShardPlace } from './shards.ts';
export type { DatasetDescription, FieldDescription, PartitionDescription } from './dataset-description.ts';
export type { DatasetAdmin, DatasetVersion, VersionDiff } from './dataset-admin.ts';
export type { DatasetPublication } from './watch-publications.ts';
export { PannierError } from './errors.ts';
export type { PannierErrorCode } from './errors.ts';
export type { JanitorAdmin, JanitorFinding, JanitorReport } from './janitor-admin.ts';
export type { CacheInfo, PannierResponse } from './fetch-response.ts';
export type { Invalidation } from './invalidate.ts';
export type { ObjectStore, PutOptions, StoredObject } from './object-store.ts';
export { allOf, anyOf, CombinedFilter, not } from './record-filter.ts';
export type { FieldComparison, FieldCondition, FilterScalar, RecordFilter } from './record-filter.ts';
export type {
  DatasetSummary,
  EntryDescription,
  Explanation,
  ServerAdmin,
  ServerStats,
  UpstreamLoad,
} from './server-admin.ts';
export type { WarmJob, WarmJobs, WarmProgress, WarmRequest } from './warm-jobs.ts';
export type { ServerState, TransportEvent } from './transport/index.ts';
