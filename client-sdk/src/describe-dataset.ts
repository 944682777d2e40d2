/** What a dataset holds: as much as is asked for, in as many answers as it takes. */
import { CacheService, DescriptionDetail } from '@pannier/proto';
import type { DatasetDescription as DescriptionMessage } from '@pannier/proto';
import { datasetDescription, partitionDescription } from './dataset-description.ts';
import type { DatasetDescription, PartitionDescription } from './dataset-description.ts';
import { PannierError } from './errors.ts';
import type { Transport } from './transport/index.ts';

/** How much is told; each tells what the one before it does, too. */
export type DescriptionExtent = 'version' | 'fields' | 'partitions' | 'statistics';

/** What is asked. */
export interface DescriptionQuery {
  readonly name: string;
  /** '' for the current one. */
  readonly version: string;
  readonly extent: DescriptionExtent;
  /** Only these partitions, with the parts of those that were split; default: all. */
  readonly partitions?: readonly string[];
  readonly transport: Transport;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A version whose partitions come one by one. */
export interface DescriptionRead {
  /** All but the partitions. */
  readonly head: Omit<DatasetDescription, 'partitions'>;
  /** Complete, in their order; later answers are asked for as they are needed. */
  readonly partitions: AsyncGenerator<PartitionDescription, void, undefined>;
}

const DETAIL: Readonly<Record<DescriptionExtent, DescriptionDetail>> = {
  version: DescriptionDetail.VERSION,
  fields: DescriptionDetail.FIELDS,
  partitions: DescriptionDetail.PARTITIONS,
  statistics: DescriptionDetail.STATISTICS,
};

/** A description in one piece. */
export async function describeDataset(query: DescriptionQuery): Promise<DatasetDescription> {
  const { head, partitions } = await readDescription(query);
  return { ...head, partitions: await Array.fromAsync(partitions) };
}

/** A description whose statistics may be more than fits into memory, or into a message. */
export async function readDescription(query: DescriptionQuery): Promise<DescriptionRead> {
  const first = await answer(query, query.version, 0);
  const { partitions: known, ...head } = datasetDescription(first);
  async function* each(): AsyncGenerator<PartitionDescription, void, undefined> {
    let next = first.nextStatistics;
    yield* next === 0 ? known : known.slice(0, next);
    while (next > 0) {
      const { partitions: more, nextStatistics } = await answer(query, first.version, next);
      if (nextStatistics !== 0 && nextStatistics <= next)
        throw new PannierError('protocol', `${query.name}: a description that goes on where it was`);
      yield* more.map(partitionDescription);
      next = nextStatistics;
    }
  }
  return { head, partitions: each() };
}

async function answer(
  { name, extent, partitions = [], transport, deadlineMs, signal }: DescriptionQuery,
  version: string,
  skipPartitions: number,
): Promise<DescriptionMessage> {
  const detail = DETAIL[extent];
  const request = { dataset: name, version, detail, partitions: [...partitions], skipPartitions };
  const { description } = await transport.unary(CacheService.method.describeDataset, request, {
    deadlineMs,
    signal,
  });
  if (description === undefined) throw new PannierError('protocol', `${name}: a description without content`);
  return description;
}
