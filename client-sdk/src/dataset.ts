/** A dataset as programs see it: its records, its partitions, its versions. */
import { AdminService, CacheService } from '@pannier/proto';
import type { RecordObject } from '@pannier/proto/partition-format';
import type { CallOptions } from './client-options.ts';
import { datasetDescription, partitionDescription } from './dataset-description.ts';
import type { DatasetDescription, PartitionDescription } from './dataset-description.ts';
import { PannierError } from './errors.ts';
import type { HeldPartitions } from './held-partitions.ts';
import { readRecords } from './read-records.ts';
import type { ReadOptions } from './read-records.ts';
import type { RecordFilter } from './record-filter.ts';
import type { Transport } from './transport/index.ts';

/** What differs between a version and the current one. */
export interface DatasetChanges {
  /** The current version. */
  readonly version: string;
  readonly added: readonly PartitionDescription[];
  /** As in the current version. */
  readonly changed: readonly PartitionDescription[];
  readonly removed: readonly PartitionDescription[];
  /** Number of partitions that are the same. */
  readonly unchanged: number;
}

/** A dataset that the server's configuration declares; `K` are the names of its partitions where they are known. */
export interface Dataset<T, K extends string = string> {
  readonly name: string;
  /**
   * Reads records, in the order of their partitions. Numbers that a double cannot hold are `bigint` or `ExactNumber`. A read
   * that breaks goes on at another server, on the same version; leaving early cancels it. Partitions that were read before and have not
   * changed are not sent again. While the dataset is being fetched for the first time records come as they are cut, and the iteration
   * throws if that fails.
   *
   * @param filter `{ country: 'CZ', lat: { gte: 50 } }`: conditions and-ed; `anyOf`, `allOf` and `not` combine filters
   * @throws PannierError `not-found` for an unknown dataset, naming the known ones; `bad-request` for an unknown field; `body-broken` when
   *   the read cannot be finished
   */
  records(filter?: RecordFilter<T>, options?: ReadOptions): AsyncGenerator<T, void, undefined>;
  /** The records of one partition, by its name. @throws PannierError `not-found` */
  partition(name: K, options?: ReadOptions): AsyncGenerator<T, void, undefined>;
  /** The partitions of the current version. */
  partitions(options?: CallOptions): Promise<readonly PartitionDescription[]>;
  /** Fields, partitions and the version. */
  describe(options?: CallOptions & { readonly version?: string }): Promise<DatasetDescription>;
  /** The current version. */
  version(options?: CallOptions): Promise<string>;
  /** What has changed since a version. @throws PannierError `not-found` when it is not kept any more */
  changesSince(version: string, options?: CallOptions): Promise<DatasetChanges>;
}

/** What a dataset is opened with. */
export interface DatasetParts {
  readonly transport: Transport;
  readonly deadlineMs: number;
  readonly held: HeldPartitions;
}

/** Makes one; nothing is asked before its methods are called. */
export function openDataset<T = RecordObject, K extends string = string>(
  name: string,
  { transport, deadlineMs, held }: DatasetParts,
): Dataset<T, K> {
  const describe: Dataset<T>['describe'] = async ({ version = '', ...options } = {}) => {
    const limits = { deadlineMs, ...options };
    const request = { dataset: name, version };
    const { description } = await transport.unary(CacheService.method.describeDataset, request, limits);
    if (description === undefined)
      throw new PannierError('protocol', `${name}: a description without content`);
    return datasetDescription(description);
  };
  return {
    name,
    describe,
    records: (filter = {}, options = {}) =>
      readRecords<T>({ name, filter, partitions: [], options, transport, held }),
    partition: (partition, options = {}) =>
      readRecords<T>({ name, filter: {}, partitions: [partition], options, transport, held }),
    partitions: async (options) => (await describe(options)).partitions,
    version: async (options) => (await describe(options)).version,
    async changesSince(version, options = {}) {
      const current = (await describe(options)).version;
      const request = { dataset: name, fromVersion: version, toVersion: current };
      const diff = await transport.unary(AdminService.method.diffVersions, request, {
        deadlineMs,
        ...options,
      });
      const { added, changed, removed, unchanged } = diff;
      return {
        version: current,
        added: added.map(partitionDescription),
        changed: changed.map(partitionDescription),
        removed: removed.map(partitionDescription),
        unchanged,
      };
    },
  };
}
