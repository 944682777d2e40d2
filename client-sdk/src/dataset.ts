/** A dataset as programs see it: its records, its partitions, its versions. */
import { AdminService } from '@pannier/proto';
import type { RecordObject } from '@pannier/proto/partition-format';
import type { CallOptions } from './client-options.ts';
import { partitionDescription } from './dataset-description.ts';
import type { DatasetDescription, PartitionDescription } from './dataset-description.ts';
import { describeDataset } from './describe-dataset.ts';
import type { DescriptionExtent, DescriptionQuery } from './describe-dataset.ts';
import type { HeldPartitions } from './held-partitions.ts';
import { readRecords } from './read-records.ts';
import type { RecordFilter } from './record-filter.ts';
import type { ReadOptions, RecordRead } from './record-read.ts';
import { planShards, readWithReaders } from './shards.ts';
import type { DatasetShard, RecordsOptions } from './shards.ts';
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
   * that breaks goes on at another server, on the same version, or, where that is lost and was not asked for by name, on one that begins
   * with the same partitions; leaving early cancels it. Partitions that were read before and have not
   * changed are not sent again. While the dataset is being fetched for the first time records come as they are cut, in the order in which
   * they are, and the iteration throws if that fails; several readers wait for the version instead.
   *
   * @param filter `{ country: 'CZ', lat: { gte: 50 } }`: conditions and-ed; `anyOf`, `allOf` and `not` combine filters
   * @throws PannierError `not-found` for an unknown dataset, naming the known ones; `bad-request` for an unknown field; `body-broken` when
   *   the read cannot be finished
   */
  records<F extends keyof T & string>(
    filter: RecordFilter<T>,
    options: RecordsOptions & { readonly fields: readonly F[] },
  ): AsyncGenerator<Pick<T, F>, void, undefined>;
  records(filter?: RecordFilter<T>, options?: RecordsOptions): AsyncGenerator<T, void, undefined>;
  /**
   * Splits a read among `count` workers, 1 to 1,000: whole partitions of one version, about as many bytes each. All shards together give
   * every record once; each is read on its own, in the order of its partitions, and again from its start when it is iterated again. A
   * worker in another process needs only `{ version, shard: { index, of } }` for `records`. With more shards than partitions some are empty.
   * A shard names its version, and is of no other.
   *
   * @throws PannierError as `records`; reading a shard also `not-found`, when its version is not kept any more
   */
  shards(count: number, filter?: RecordFilter<T>, options?: ReadOptions): Promise<readonly DatasetShard<T>[]>;
  /** The records of one partition, by its name. @throws PannierError `not-found` */
  partition(name: K, options?: ReadOptions): AsyncGenerator<T, void, undefined>;
  /** The partitions of the current version. */
  partitions(options?: CallOptions): Promise<readonly PartitionDescription[]>;
  /**
   * Fields, partitions and the version. Of thousands of partitions with many fields the statistics take many answers; `statistics: false`
   * leaves them out, so that the `fields` of each partition are empty.
   */
  describe(
    options?: CallOptions & { readonly version?: string; readonly statistics?: boolean },
  ): Promise<DatasetDescription>;
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
  const query = (version: string, extent: DescriptionExtent, options: CallOptions): DescriptionQuery => {
    const limits = { deadlineMs: options.deadlineMs ?? deadlineMs, signal: options.signal };
    return { name, version, extent, transport, ...limits };
  };
  const describe: Dataset<T>['describe'] = async ({ version = '', statistics = true, ...options } = {}) =>
    await describeDataset(query(version, statistics ? 'statistics' : 'partitions', options));
  const currentVersion = async (options: CallOptions = {}): Promise<string> =>
    (await describeDataset(query('', 'version', options))).version;
  const read = (
    filter: RecordFilter,
    options: ReadOptions,
    partitions: readonly string[] = [],
  ): RecordRead => {
    return { name, filter, partitions, options, transport, deadlineMs, held };
  };
  // `never` fits both signatures: what a record is only the caller can say.
  const records = (
    filter: RecordFilter<T> = {},
    options: RecordsOptions = {},
  ): AsyncGenerator<never, void, undefined> => readWithReaders<never>(read(filter, options), options);
  return {
    name,
    describe,
    records,
    shards: async (count, filter = {}, options = {}) => await planShards<T>(read(filter, options), count),
    partition: (partition, options = {}) => readRecords<T>(read({}, options, [partition])),
    partitions: async (options) => (await describe(options)).partitions,
    version: currentVersion,
    async changesSince(version, options = {}) {
      const current = await currentVersion(options);
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
