/** Which partitions a read wants. */
import type { DatasetManifest, DatasetPartition } from './dataset-manifest.ts';
import { CacheServerError } from './errors.ts';
import type { KeyValue } from './partition/field-partitioner.ts';

/** A partition field and the values that are wanted of it. */
export interface FieldCondition {
  readonly field: string;
  readonly anyOf: readonly KeyValue[];
}

/** What a reader asks for. */
export interface DatasetQuery {
  readonly dataset: string;
  /** Names of partitions; empty for all. */
  readonly partitions: readonly string[];
  /** All of them must hold. */
  readonly conditions: readonly FieldCondition[];
  /** '' for the current version. */
  readonly version: string;
  readonly skipPartitions: number;
}

/**
 * The partitions of a version that a query wants, in their order.
 *
 * @throws CacheServerError `not-found` for an unknown partition, `bad-request` for a field that the data does not have, `unimplemented`
 * for one that it is not cut by
 */
export function selectPartitions(manifest: DatasetManifest, query: DatasetQuery): DatasetPartition[] {
  const known = new Set(manifest.partitions.map(({ name }) => name));
  const unknown = query.partitions.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new CacheServerError('not-found', `dataset ${query.dataset} has no partition "${unknown}"`);
  const wanted = new Set(query.partitions);
  const conditions = query.conditions.map(({ field, anyOf }) => ({ at: positionOf(field, manifest), anyOf }));
  return manifest.partitions.filter(
    ({ name, key }) =>
      (wanted.size === 0 || wanted.has(name)) && conditions.every(({ at, anyOf }) => anyOf.includes(key[at])),
  );
}

function positionOf(field: string, { dataset, partitionFields, fields }: DatasetManifest): number {
  const at = partitionFields.indexOf(field);
  if (at >= 0) return at;
  if (fields.some(({ name }) => name === field)) {
    const cutBy = partitionFields.join(', ');
    throw new CacheServerError(
      'unimplemented',
      `filter: ${field} is not a partition field (${cutBy}); filtering rows is not built yet.`,
    );
  }
  const names = fields.map(({ name }) => name).join(', ');
  throw new CacheServerError(
    'bad-request',
    `filter: dataset ${dataset} has no field "${field}"; its fields are: ${names}`,
  );
}
