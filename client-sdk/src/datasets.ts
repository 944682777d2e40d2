/** Datasets over a transport that is there already: what the proxy's own door to them needs. */
export { openDataset } from './dataset.ts';
export type { Dataset } from './dataset.ts';
export type { DatasetDescription, PartitionDescription } from './dataset-description.ts';
export { HeldPartitions } from './held-partitions.ts';
export type { FilterScalar, RecordFilter } from './record-filter.ts';
export { openServerAdmin } from './server-admin.ts';
