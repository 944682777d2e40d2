/** Datasets in the words of the contract, and its filters in ours. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ComparisonOperator, DescriptionDetail } from '@pannier/proto';
import type {
  DatasetDescriptionSchema,
  DescribeDatasetRequest,
  FieldDescriptionSchema,
  Filter,
  PartitionDescriptionSchema,
  Value,
  ValueSchema,
} from '@pannier/proto';
import type { FieldStatistics } from '../dataset/read/field-statistics.ts';
import type { FilterValue, RecordFilter } from '../dataset/read/record-filter.ts';
import type { KeyValue } from '../dataset/strategy/strategy.ts';
import type { DatasetManifest, DatasetPartition } from '../dataset/version/dataset-manifest.ts';
import { CacheServerError } from '../errors.ts';

type ValueInit = MessageInitShape<typeof ValueSchema>;
type PartitionInit = Exclude<MessageInitShape<typeof PartitionDescriptionSchema>, { $typeName: string }>;

function valueMessage(value: KeyValue): ValueInit {
  if (value === undefined) return {};
  if (value === null) return { kind: { case: 'nullValue', value: true } };
  if (typeof value === 'string') return { kind: { case: 'stringValue', value } };
  if (typeof value === 'boolean') return { kind: { case: 'boolValue', value } };
  if (typeof value === 'bigint') {
    return BigInt.asIntN(64, value) === value
      ? { kind: { case: 'intValue', value } }
      : { kind: { case: 'doubleValue', value: Number(value) } };
  }
  return Number.isSafeInteger(value)
    ? { kind: { case: 'intValue', value: BigInt(value) } }
    : { kind: { case: 'doubleValue', value } };
}

function fieldMessage(field: FieldStatistics): MessageInitShape<typeof FieldDescriptionSchema> {
  const { name, types, present, nulls, minNumber, maxNumber, minString, maxString } = field;
  return {
    name,
    types: [...types],
    present: BigInt(present),
    nulls: BigInt(nulls),
    ...(minNumber === undefined ? {} : { minNumber: valueMessage(minNumber) }),
    ...(maxNumber === undefined ? {} : { maxNumber: valueMessage(maxNumber) }),
    ...(minString === undefined ? {} : { minString: valueMessage(minString) }),
    ...(maxString === undefined ? {} : { maxString: valueMessage(maxString) }),
  };
}

/** A partition without what is known of its fields: of thousands of partitions that would be more than a message holds. */
export function partitionMessage(partition: DatasetPartition): PartitionInit {
  return {
    name: partition.name,
    key: partition.key.map(valueMessage),
    records: BigInt(partition.records),
    contentBytes: BigInt(partition.contentBytes),
    storedBytes: BigInt(partition.storedBytes),
    digest: partition.digest,
  };
}

/** What is to be told of a version. */
export type DescriptionQuery = Pick<DescribeDatasetRequest, 'detail' | 'partitions' | 'skipPartitions'>;

/**
 * About what statistics may take in one message, in bytes: some 10 ms of work, and far below what clients receive. One partition's are
 * never divided.
 */
const STATISTICS_BYTES_MAX = 256 * 1024;
/** Of a field beside its name and its strings. */
const FIELD_BYTES = 48;

/** As much of a version as is asked for and fits. */
export function descriptionMessage(
  manifest: DatasetManifest,
  { detail, partitions: names, skipPartitions }: DescriptionQuery,
): MessageInitShape<typeof DatasetDescriptionSchema> {
  const told = detail === DescriptionDetail.UNSPECIFIED ? DescriptionDetail.STATISTICS : detail;
  // Who asks on has the fields already.
  const tellsFields = told >= DescriptionDetail.FIELDS && skipPartitions === 0;
  const wanted = told >= DescriptionDetail.PARTITIONS ? namedPartitions(manifest, names) : [];
  const listed = wanted.slice(skipPartitions);
  const fitting = told >= DescriptionDetail.STATISTICS ? fittingStatistics(listed) : listed.length;
  const statistics = listed.slice(0, fitting).map((partition): PartitionInit => ({
    ...partitionMessage(partition),
    fields: told >= DescriptionDetail.STATISTICS ? partition.statistics.map(fieldMessage) : [],
  }));
  // The first answer lists all, so that a client that knows nothing of this misses no partition.
  const others = skipPartitions === 0 ? listed.slice(fitting).map(partitionMessage) : [];
  return {
    dataset: manifest.dataset,
    version: manifest.version,
    publishedAtMs: BigInt(Math.round(manifest.publishedAtMs)),
    records: BigInt(manifest.records),
    partitionFields: [...manifest.keyNames],
    fields: tellsFields ? manifest.fields.map(fieldMessage) : [],
    partitions: [...statistics, ...others],
    duplicates: BigInt(manifest.duplicates),
    missing: BigInt(manifest.missing),
    dropped: BigInt(manifest.dropped),
    partitionCount: manifest.partitions.length,
    nextStatistics: fitting < listed.length ? skipPartitions + fitting : 0,
  };
}

function namedPartitions({ partitions }: DatasetManifest, names: readonly string[]): DatasetPartition[] {
  if (names.length === 0) return [...partitions];
  const wanted = new Set(names);
  return partitions.filter(({ name }) => wanted.has(name) || wanted.has(name.replace(/~\d+$/, '')));
}

/** How many partitions, one at least, have statistics that fit together. */
function fittingStatistics(partitions: readonly DatasetPartition[]): number {
  let bytes = 0;
  for (const [at, { statistics }] of partitions.entries()) {
    for (const { name, minString = '', maxString = '' } of statistics)
      bytes += FIELD_BYTES + name.length + minString.length + maxString.length;
    if (bytes > STATISTICS_BYTES_MAX && at > 0) return at;
  }
  return partitions.length;
}

const COMPARISONS: Readonly<Record<number, 'less' | 'less-or-equal' | 'greater' | 'greater-or-equal'>> = {
  [ComparisonOperator.LESS]: 'less',
  [ComparisonOperator.LESS_OR_EQUAL]: 'less-or-equal',
  [ComparisonOperator.GREATER]: 'greater',
  [ComparisonOperator.GREATER_OR_EQUAL]: 'greater-or-equal',
};

/** A filter as the reader of records knows it. @throws CacheServerError `bad-request` for what is incomplete */
export function recordFilter({ kind }: Filter): RecordFilter {
  switch (kind.case) {
    case 'comparison': {
      const { field, operator, value } = kind.value;
      const equal: RecordFilter = { kind: 'equal', field, value: filterValue(field, value) };
      if (operator === ComparisonOperator.EQUAL) return equal;
      if (operator === ComparisonOperator.NOT_EQUAL) return { kind: 'not', filter: equal };
      const comparison = COMPARISONS[operator];
      if (comparison === undefined)
        throw new CacheServerError('bad-request', `filter on ${field}: no operator that is known here`);
      return { kind: comparison, field, value: equal.value };
    }
    case 'in': {
      const { field, values } = kind.value;
      return { kind: 'in', field, values: values.map((value) => filterValue(field, value)) };
    }
    case 'prefix':
      return { kind: 'prefix', field: kind.value.field, prefix: kind.value.prefix };
    case 'allOf':
      return { kind: 'all', filters: kind.value.filters.map(recordFilter) };
    case 'anyOf':
      return { kind: 'any', filters: kind.value.filters.map(recordFilter) };
    case 'not':
      return { kind: 'not', filter: recordFilter(kind.value) };
    case undefined:
      throw new CacheServerError('bad-request', 'filter: empty');
  }
}

function filterValue(field: string, value: Value | undefined): FilterValue {
  const kind = value?.kind;
  if (kind?.case === undefined) throw new CacheServerError('bad-request', `filter on ${field}: no value`);
  if (kind.case === 'nullValue') return null;
  if (kind.case !== 'intValue') return kind.value;
  const number = Number(kind.value);
  return Number.isSafeInteger(number) ? number : kind.value;
}
