/** The order of records within a partition, by the values of some fields; stable, so that equal ones stay as they came. */
import type { RecordValue } from '@pannier/proto/partition-format';
import { compareUtf8, ExactNumber } from '@pannier/proto/partition-format';
import { fieldValue } from '../strategy/key-value.ts';

/** Fields, the first one deciding first. */
export type RecordOrder = readonly string[];

/** Kinds in their order: what is absent comes first, what cannot be compared last. */
function rankOf(value: unknown): number {
  if (value === undefined) return 0;
  if (value === null) return 1;
  if (typeof value === 'boolean') return 2;
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof ExactNumber) return 3;
  return typeof value === 'string' ? 4 : 5;
}

function compareValues(one: unknown, other: unknown): number {
  const rank = rankOf(one);
  const difference = rank - rankOf(other);
  if (difference !== 0) return difference;
  if (rank === 4) return compareUtf8(one as string, other as string);
  if (rank === 5) return 0;
  const [left, right] = [one as number | bigint, other as number | bigint];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Which of two records comes first; 0 when the order does not say. */
function compareRecords(one: RecordValue, other: RecordValue, order: RecordOrder): number {
  for (const field of order) {
    const difference = compareValues(fieldValue(one, field), fieldValue(other, field));
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The records in order. */
export function sortedRun(records: readonly RecordValue[], order: RecordOrder): RecordValue[] {
  return records.toSorted((one, other) => compareRecords(one, other, order));
}

interface Run {
  readonly pieces: AsyncIterator<RecordValue[], unknown> | Iterator<RecordValue[], unknown>;
  piece: RecordValue[];
  at: number;
}

/** Pieces of this many records are handed on. */
const PIECE_RECORDS = 1000;

/** Merges sorted runs; one piece of each is in memory. Of equal records those of an earlier run come first. */
export async function* orderedRecords(
  sources: readonly (Iterable<RecordValue[]> | AsyncIterable<RecordValue[]>)[],
  order: RecordOrder,
): AsyncGenerator<RecordValue[]> {
  let runs: Run[] = sources.map((source) => ({ pieces: iteratorOf(source), piece: [], at: 0 }));
  let merged: RecordValue[] = [];
  for (;;) {
    for (const run of runs) if (run.at >= run.piece.length) await refill(run);
    runs = runs.filter(({ piece }) => piece.length > 0);
    let least: Run | undefined;
    for (const run of runs) {
      if (least === undefined || compareRecords(head(run), head(least), order) < 0) least = run;
    }
    if (least === undefined) break;
    merged.push(head(least));
    least.at += 1;
    if (merged.length < PIECE_RECORDS) continue;
    yield merged;
    merged = [];
  }
  if (merged.length > 0) yield merged;
}

function iteratorOf(source: Iterable<RecordValue[]> | AsyncIterable<RecordValue[]>): Run['pieces'] {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}

async function refill(run: Run): Promise<void> {
  while (run.at >= run.piece.length) {
    const next = await run.pieces.next();
    if (next.done === true) {
      run.piece = [];
      return;
    }
    run.piece = next.value;
    run.at = 0;
  }
}

function head({ piece, at }: Run): RecordValue {
  return piece[at] ?? null;
}
