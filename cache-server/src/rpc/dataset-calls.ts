/** DescribeDataset and ReadPartitions: between messages and the story in `get-dataset.ts`. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ComparisonOperator } from '@pannier/proto';
import type {
  DescribeDatasetRequest,
  DescribeDatasetResponseSchema,
  Filter,
  ReadPartitionsRequest,
  ReadPartitionsResponseSchema,
  Value,
  ValueSchema,
} from '@pannier/proto';
import type { FieldCondition } from '../dataset-query.ts';
import type { DatasetRead, Datasets } from '../dataset-service.ts';
import { CacheServerError } from '../errors.ts';
import type { KeyValue } from '../partition/field-partitioner.ts';
import type { CallContext } from './call-handlers.ts';
import { withHeartbeats } from './heartbeat.ts';

/** What the calls need. */
export interface DatasetDeps {
  readonly datasets: Datasets;
  readonly limits: { readonly heartbeatMs: number };
}

type ReadStep = Exclude<MessageInitShape<typeof ReadPartitionsResponseSchema>, { $typeName: string }>;

function valueMessage(value: KeyValue): MessageInitShape<typeof ValueSchema> {
  if (value === undefined) return {};
  if (value === null) return { kind: { case: 'nullValue', value: true } };
  if (typeof value === 'string') return { kind: { case: 'stringValue', value } };
  if (typeof value === 'boolean') return { kind: { case: 'boolValue', value } };
  if (typeof value === 'bigint') return { kind: { case: 'intValue', value } };
  return Number.isSafeInteger(value)
    ? { kind: { case: 'intValue', value: BigInt(value) } }
    : { kind: { case: 'doubleValue', value } };
}

function keyValue({ kind }: Value): KeyValue {
  if (kind.case === undefined) return undefined;
  if (kind.case === 'nullValue') return null;
  if (kind.case !== 'intValue') return kind.value;
  const number = Number(kind.value);
  return Number.isSafeInteger(number) ? number : kind.value;
}

/** Equality and "any of" on partition fields, and-ed; what needs rows says so. */
function conditions(filter: Filter | undefined): FieldCondition[] {
  if (filter === undefined) return [];
  const { kind } = filter;
  if (kind.case === 'allOf') return kind.value.filters.flatMap(conditions);
  if (kind.case === 'in') return [{ field: kind.value.field, anyOf: kind.value.values.map(keyValue) }];
  if (kind.case === 'comparison' && kind.value.operator === ComparisonOperator.EQUAL) {
    if (kind.value.value === undefined)
      throw new CacheServerError('bad-request', `filter on ${kind.value.field}: no value`);
    return [{ field: kind.value.field, anyOf: [keyValue(kind.value.value)] }];
  }
  if (kind.case === undefined) throw new CacheServerError('bad-request', 'filter: empty');
  throw new CacheServerError(
    'unimplemented',
    `filter: ${kind.case} needs row filters, which are not built yet; equality and "in" are.`,
  );
}

/** What a dataset holds. */
export async function describeDataset(
  { dataset }: DescribeDatasetRequest,
  { signal }: CallContext,
  { datasets }: DatasetDeps,
): Promise<MessageInitShape<typeof DescribeDatasetResponseSchema>> {
  const { version, publishedAtMs, records, partitionFields, fields, partitions } = await datasets.describe(
    dataset,
    signal,
  );
  return {
    description: {
      dataset,
      version,
      publishedAtMs: BigInt(Math.round(publishedAtMs)),
      records: BigInt(records),
      partitionFields: [...partitionFields],
      fields: fields.map(({ name, types, present }) => ({ name, types, present: BigInt(present) })),
      partitions: partitions.map((partition) => ({
        name: partition.name,
        key: partition.key.map(valueMessage),
        records: BigInt(partition.records),
        contentBytes: BigInt(partition.contentBytes),
        storedBytes: BigInt(partition.storedBytes),
        digest: partition.digest,
      })),
    },
  };
}

/** One item: the read itself, which may take as long as its upstream. */
async function* opened(read: Promise<DatasetRead>): AsyncGenerator<DatasetRead> {
  yield await read;
}

/** Records of a dataset, partition by partition. Ends without `complete` only by throwing. */
export async function* readPartitions(
  request: ReadPartitionsRequest,
  { signal }: CallContext,
  { datasets, limits }: DatasetDeps,
): AsyncGenerator<ReadStep, void, undefined> {
  if (request.fields.length > 0)
    throw new CacheServerError('unimplemented', 'fields: projections are not built yet.');
  const { dataset, partitions, version, skipPartitions } = request;
  const query = { dataset, partitions, version, skipPartitions, conditions: conditions(request.filter) };
  for await (const beat of withHeartbeats(opened(datasets.read(query, signal)), limits.heartbeatMs)) {
    if (beat.kind === 'waiting') yield { part: { case: 'progress', value: { waitedMs: beat.waitedMs } } };
    else yield* readSteps(beat.item);
  }
}

async function* readSteps(read: DatasetRead): AsyncGenerator<ReadStep> {
  const { partitions } = read;
  const { version, scope } = read.manifest;
  const records = BigInt(partitions.reduce((sum, partition) => sum + partition.records, 0));
  yield { part: { case: 'start', value: { version, partitions: partitions.length, records } } };
  for await (const { partition, frame } of read.frames()) {
    const stored = { scope, digest: partition.digest, frame, skipBytes: 0n };
    const value = { name: partition.name, stored, records: BigInt(partition.records) };
    yield { part: { case: 'partition', value } };
  }
  yield { part: { case: 'complete', value: { version, records } } };
}
