/** What differs between two versions of a dataset. */
import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { encodeRecords } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { fieldValue } from '../strategy/key-value.ts';
import type { DatasetManifest, DatasetPartition } from './dataset-manifest.ts';

/** Partitions by what became of them; `changed` as in the newer version. */
export interface PartitionDiff {
  readonly added: readonly DatasetPartition[];
  readonly changed: readonly DatasetPartition[];
  readonly removed: readonly DatasetPartition[];
  readonly unchanged: number;
}

/** By name and digest; nothing is read. */
export function diffPartitions(
  from: Pick<DatasetManifest, 'partitions'>,
  to: Pick<DatasetManifest, 'partitions'>,
): PartitionDiff {
  const before = new Map(from.partitions.map((partition) => [partition.name, partition]));
  const after = new Set(to.partitions.map(({ name }) => name));
  const added = to.partitions.filter(({ name }) => !before.has(name));
  const changed = to.partitions.filter(({ name, digest }) => {
    const old = before.get(name);
    return old !== undefined && Buffer.compare(old.digest, digest) !== 0;
  });
  const removed = from.partitions.filter(({ name }) => !after.has(name));
  return { added, changed, removed, unchanged: to.partitions.length - added.length - changed.length };
}

/** One record that differs; a side is undefined where the record is not there. */
export interface RecordChange {
  readonly before: RecordValue | undefined;
  readonly after: RecordValue | undefined;
}

/** Counts of records, and the first that differ. */
export interface RecordDiff {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly changes: readonly RecordChange[];
}

/** Settings of {@link diffRecords}. */
export interface RecordDiffOptions {
  /** Fields that identify a record. */
  readonly keyFields: readonly string[];
  /** Changes that are named; all are counted. */
  readonly limit: number;
  /** Records that may be held at once. */
  readonly recordsMax: number;
  /** Ends the comparison with its reason. */
  readonly signal: AbortSignal;
}

/** Records that are compared before others on this thread have their turn. */
const SLICE_RECORDS = 1_000;
/** Records that one key may stand for: equal ones among them are looked for one by one. */
const SAME_KEY_MAX = 1_000;

/**
 * Compares the records of the partitions that differ, by their keys: a record that moved from one partition to another has changed, and is
 * neither gone nor new.
 *
 * @throws DatasetError `limit-exceeded`; the signal's reason
 */
export async function diffRecords(
  before: AsyncIterable<readonly RecordValue[]>,
  after: AsyncIterable<readonly RecordValue[]>,
  options: RecordDiffOptions,
): Promise<RecordDiff> {
  const { keyFields, limit, signal } = options;
  const old = await recordsByKey(before, options);
  const counts = { added: 0, changed: 0, removed: 0 };
  const changes: RecordChange[] = [];
  const note = (kind: keyof typeof counts, change: RecordChange): void => {
    counts[kind] += 1;
    if (changes.length < limit) changes.push(change);
  };
  for await (const records of slices(after, signal)) {
    for (const record of records) {
      const same = old.get(keyOf(record, keyFields)) ?? [];
      // Of several with one key, equal ones belong together.
      const equal = same.findIndex((one) => isDeepStrictEqual(one, record));
      const [former] = same.splice(Math.max(equal, 0), 1);
      if (former === undefined) note('added', { before: undefined, after: record });
      else if (equal < 0) note('changed', { before: former, after: record });
    }
  }
  for (const rest of old.values())
    for (const record of rest) note('removed', { before: record, after: undefined });
  return { ...counts, changes };
}

async function recordsByKey(
  before: AsyncIterable<readonly RecordValue[]>,
  { keyFields, recordsMax, signal }: RecordDiffOptions,
): Promise<Map<string, RecordValue[]>> {
  const old = new Map<string, RecordValue[]>();
  let held = 0;
  for await (const records of slices(before, signal)) {
    held += records.length;
    if (held > recordsMax)
      throw new DatasetError(
        'limit-exceeded',
        `more than ${recordsMax} records are in partitions that differ`,
      );
    for (const record of records) {
      const key = keyOf(record, keyFields);
      const same = old.get(key);
      if (same === undefined) old.set(key, [record]);
      else if (same.push(record) > SAME_KEY_MAX) {
        const what = `more than ${SAME_KEY_MAX} records have the same ${keyFields.join(', ')}`;
        throw new DatasetError('limit-exceeded', `${what}, which does not tell them apart`);
      }
    }
  }
  return old;
}

/** In slices, between which others on this thread have their turn, and the signal is heard. */
async function* slices(
  batches: AsyncIterable<readonly RecordValue[]>,
  signal: AbortSignal,
): AsyncGenerator<readonly RecordValue[]> {
  for await (const records of batches) {
    for (let at = 0; at < records.length; at += SLICE_RECORDS) {
      signal.throwIfAborted();
      yield records.slice(at, at + SLICE_RECORDS);
      await setImmediate();
    }
  }
}

function keyOf(record: RecordValue, keyFields: readonly string[]): string {
  const values = keyFields.map((field) => fieldValue(record, field));
  return encodeRecords(values.map((value) => (value === undefined ? [] : [value]))).toString('latin1');
}
