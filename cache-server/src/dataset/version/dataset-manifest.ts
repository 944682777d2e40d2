/** The manifest of one version of a dataset: what was cut, what is known of it, and where each partition is. Immutable. */
import type { RecordValue } from '@pannier/proto/partition-format';
import type { FieldStatistics } from '../read/field-statistics.ts';
import type { KeyValue } from '../strategy/strategy.ts';
import { sealRecord, unsealRecord } from '../../sealed-record.ts';

/** One partition of a dataset. */
export interface DatasetPartition {
  readonly name: string;
  /** One value for each of the manifest's `keyNames`. */
  readonly key: readonly KeyValue[];
  readonly records: number;
  /** Uncompressed, in bytes. */
  readonly contentBytes: number;
  readonly storedBytes: number;
  readonly digest: Uint8Array;
  readonly statistics: readonly FieldStatistics[];
}

/** A version of a dataset. */
export interface DatasetManifest {
  readonly dataset: string;
  /** Scope of the frames. */
  readonly scope: string;
  readonly version: string;
  /** Versions of the originals that the records were cut from. */
  readonly sourceVersion: string;
  /** Digest of how it was declared: another declaration cuts anew. */
  readonly declaration: string;
  readonly publishedAtMs: number;
  readonly records: number;
  readonly duplicates: number;
  readonly missing: number;
  readonly dropped: number;
  readonly keyNames: readonly string[];
  readonly fields: readonly FieldStatistics[];
  readonly quantileEdges: readonly number[] | undefined;
  readonly partitions: readonly DatasetPartition[];
}

const KIND = { magic: 'PNRD', version: 2 };

/** Absent is not null, and MessagePack has no word for it: a key value is a list of one, or an empty one. */
type WireKey = readonly RecordValue[];

/** Field statistics as a list in a fixed order, since there may be ten thousand partitions. */
type WireField = readonly [
  field: number,
  types: readonly string[],
  present: number,
  nulls: number,
  numbers: readonly number[],
  strings: readonly (string | null)[],
];

type WirePartition = readonly [
  name: string,
  key: readonly WireKey[],
  records: number,
  contentBytes: number,
  storedBytes: number,
  digest: Uint8Array,
  statistics: readonly WireField[],
];

interface WireManifest extends Omit<DatasetManifest, 'partitions' | 'fields' | 'quantileEdges'> {
  readonly names: readonly string[];
  readonly fields: readonly WireField[];
  readonly quantileEdges: readonly number[] | null;
  readonly partitions: readonly WirePartition[];
}

/** The manifest's bytes. */
export function encodeDatasetManifest(keyText: string, manifest: DatasetManifest): Buffer {
  const names = manifest.fields.map(({ name }) => name);
  const places = new Map(names.map((name, at) => [name, at]));
  const wire: WireManifest = {
    ...manifest,
    names,
    fields: manifest.fields.map((field) => wireField(field, places)),
    quantileEdges: manifest.quantileEdges ?? null,
    partitions: manifest.partitions.map((partition): WirePartition => [
      partition.name,
      partition.key.map((value): WireKey => (value === undefined ? [] : [value])),
      partition.records,
      partition.contentBytes,
      partition.storedBytes,
      partition.digest,
      partition.statistics.map((field) => wireField(field, places)),
    ]),
  };
  return sealRecord(KIND, keyText, wire);
}

/** Undefined for what is damaged, another key's or of another format: a miss. */
export function decodeDatasetManifest(keyText: string, bytes: Buffer): DatasetManifest | undefined {
  // The checksum proves that these are the bytes that encodeDatasetManifest wrote.
  const wire = unsealRecord(KIND, keyText, bytes) as WireManifest | undefined;
  if (wire === undefined) return undefined;
  const { names, ...rest } = wire;
  return {
    ...rest,
    fields: wire.fields.map((field) => statisticsField(field, names)),
    quantileEdges: wire.quantileEdges ?? undefined,
    partitions: wire.partitions.map(
      ([name, key, records, contentBytes, storedBytes, digest, statistics]) => ({
        name,
        key: key.map(([value]) => value as KeyValue),
        records,
        contentBytes,
        storedBytes,
        digest,
        statistics: statistics.map((field) => statisticsField(field, names)),
      }),
    ),
  };
}

function wireField(field: FieldStatistics, places: ReadonlyMap<string, number>): WireField {
  const { types, present, nulls, minNumber, maxNumber, minString, maxString } = field;
  const numbers = minNumber === undefined || maxNumber === undefined ? [] : [minNumber, maxNumber];
  const strings = minString === undefined ? [] : [minString, maxString ?? null];
  return [places.get(field.name) ?? -1, types, present, nulls, numbers, strings];
}

function statisticsField(
  [at, types, present, nulls, numbers, strings]: WireField,
  names: readonly string[],
): FieldStatistics {
  const [minNumber, maxNumber] = numbers;
  const [minString, maxString] = strings;
  return {
    name: names[at] ?? '',
    types: types as FieldStatistics['types'],
    present,
    nulls,
    ...(minNumber === undefined || maxNumber === undefined ? {} : { minNumber, maxNumber }),
    ...(typeof minString === 'string' ? { minString } : {}),
    ...(typeof maxString === 'string' ? { maxString } : {}),
  };
}
