import type { DatasetDescription as DescriptionMessage, Value } from '@pannier/proto';

/** A version of a dataset. */
export interface DatasetDescription {
  readonly dataset: string;
  readonly version: string;
  readonly publishedAt: Date;
  readonly records: number;
  /** Fields by which the records are partitioned. */
  readonly partitionFields: readonly string[];
  readonly fields: readonly FieldDescription[];
  readonly partitions: readonly PartitionDescription[];
}

/** A field, inferred from the data. */
export interface FieldDescription {
  readonly name: string;
  /** Among null, boolean, integer, number, string, array, object. */
  readonly types: readonly string[];
  /** Number of records that have it. */
  readonly present: number;
}

/** A partition; lengths in bytes. */
export interface PartitionDescription {
  readonly name: string;
  /** Values of the partition fields; undefined where the field is absent. */
  readonly key: readonly (string | number | bigint | boolean | null | undefined)[];
  readonly records: number;
  readonly contentBytes: number;
  readonly storedBytes: number;
  /** SHA-256 in hexadecimal: equal for equal content. */
  readonly digest: string;
}

/** A description as callers read it. */
export function datasetDescription(message: DescriptionMessage): DatasetDescription {
  const { dataset, version, partitionFields } = message;
  return {
    dataset,
    version,
    publishedAt: new Date(Number(message.publishedAtMs)),
    records: Number(message.records),
    partitionFields,
    fields: message.fields.map(({ name, types, present }) => ({ name, types, present: Number(present) })),
    partitions: message.partitions.map(({ name, key, records, contentBytes, storedBytes, digest }) => ({
      name,
      key: key.map(scalarOf),
      records: Number(records),
      contentBytes: Number(contentBytes),
      storedBytes: Number(storedBytes),
      digest: Buffer.from(digest).toString('hex'),
    })),
  };
}

function scalarOf({ kind }: Value): PartitionDescription['key'][number] {
  if (kind.case === undefined) return undefined;
  if (kind.case === 'nullValue') return null;
  if (kind.case === 'intValue')
    return Number.isSafeInteger(Number(kind.value)) ? Number(kind.value) : kind.value;
  return kind.value;
}
