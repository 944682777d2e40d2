import type {
  DatasetDescription as DescriptionMessage,
  FieldDescription as FieldMessage,
  PartitionDescription as PartitionMessage,
  Value,
} from '@pannier/proto';

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
  /** Records left out because one with the same key is there. */
  readonly duplicates: number;
  /** Records in partitions named `missing`, because they lack the field. */
  readonly missing: number;
  /** Records left out because a type or the transform failed on them. */
  readonly dropped: number;
}

/** A field, inferred from the data. */
export interface FieldDescription {
  readonly name: string;
  /** Among null, boolean, integer, number, string, array, object. */
  readonly types: readonly string[];
  /** Number of records that have it, null included. */
  readonly present: number;
  readonly nulls: number;
  /** Bounds, a little wide where a double or a cut text cannot tell them exactly; undefined where there is none. */
  readonly minNumber: number | undefined;
  readonly maxNumber: number | undefined;
  readonly minString: string | undefined;
  readonly maxString: string | undefined;
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
  /** What is known of the fields within it; empty where that was not asked for, and in comparisons of versions. */
  readonly fields: readonly FieldDescription[];
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
    fields: message.fields.map(fieldDescription),
    partitions: message.partitions.map(partitionDescription),
    duplicates: Number(message.duplicates),
    missing: Number(message.missing),
    dropped: Number(message.dropped),
  };
}

/** A partition as callers read it. */
export function partitionDescription(message: PartitionMessage): PartitionDescription {
  const { name, key, records, contentBytes, storedBytes, digest, fields } = message;
  return {
    name,
    key: key.map(scalarOf),
    records: Number(records),
    contentBytes: Number(contentBytes),
    storedBytes: Number(storedBytes),
    digest: Buffer.from(digest).toString('hex'),
    fields: fields.map(fieldDescription),
  };
}

function fieldDescription(message: FieldMessage): FieldDescription {
  const { name, types, present, nulls, minNumber, maxNumber, minString, maxString } = message;
  const number = (value: Value | undefined): number | undefined => {
    const scalar = value && scalarOf(value);
    return typeof scalar === 'number' || typeof scalar === 'bigint' ? Number(scalar) : undefined;
  };
  const text = (value: Value | undefined): string | undefined => {
    const scalar = value && scalarOf(value);
    return typeof scalar === 'string' ? scalar : undefined;
  };
  return {
    name,
    types,
    present: Number(present),
    nulls: Number(nulls),
    minNumber: number(minNumber),
    maxNumber: number(maxNumber),
    minString: text(minString),
    maxString: text(maxString),
  };
}

function scalarOf({ kind }: Value): PartitionDescription['key'][number] {
  if (kind.case === undefined) return undefined;
  if (kind.case === 'nullValue') return null;
  if (kind.case === 'intValue')
    return Number.isSafeInteger(Number(kind.value)) ? Number(kind.value) : kind.value;
  return kind.value;
}
