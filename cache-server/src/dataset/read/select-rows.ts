/** Rows and fields out of a partition's columns; no record object is made for it. */
import type { ColumnBlock, RecordColumns, RecordValue } from '@pannier/proto/partition-format';
import { rowMask } from './record-filter.ts';
import type { RecordFilter } from './record-filter.ts';

/** What to take. */
export interface Selection {
  /** Undefined: all rows. */
  readonly filter: RecordFilter | undefined;
  /** Undefined: all fields. A record that has none of them stays, as an empty one. */
  readonly fields: readonly string[] | undefined;
}

/** The columns of what passes, in the same order. */
export function selectRows({ runs, blocks }: RecordColumns, { filter, fields }: Selection): RecordColumns {
  const masks = blocks.map((block) => (filter === undefined ? undefined : rowMask(filter, block)));
  const kept = blocks.map((block, at) => takeFields(takeRows(block, masks[at]), fields));
  const next = blocks.map(() => 0);
  const taken: number[] = [];
  for (let run = 0; run < runs.length; run += 2) {
    const index = runs[run] ?? 0;
    const from = next[index] ?? 0;
    const to = from + (runs[run + 1] ?? 0);
    next[index] = to;
    const mask = masks[index];
    const count = mask === undefined ? to - from : mask.subarray(from, to).reduce((sum, one) => sum + one, 0);
    if (count === 0) continue;
    // Neighbouring runs of one block are one.
    if (taken.at(-2) === index) taken[taken.length - 1] = (taken.at(-1) ?? 0) + count;
    else taken.push(index, count);
  }
  return withoutEmpty(taken, kept);
}

/** Number of records. */
export function recordCount({ runs }: RecordColumns): number {
  let count = 0;
  for (let run = 1; run < runs.length; run += 2) count += runs[run] ?? 0;
  return count;
}

function takeRows(block: ColumnBlock, mask: Uint8Array | undefined): ColumnBlock {
  if (mask === undefined || mask.every((one) => one === 1)) return block;
  return {
    names: block.names,
    columns: block.columns.map((column) => column.filter((_value, row) => mask[row] === 1)),
  };
}

function takeFields(block: ColumnBlock, fields: readonly string[] | undefined): ColumnBlock {
  const { names, columns } = block;
  if (fields === undefined || names === null) return block;
  const places = names.flatMap((name, at) => (fields.includes(name) ? [at] : []));
  if (places.length === names.length) return block;
  const rows = columns[0]?.length ?? 0;
  const nothing = (): RecordValue[] => Array.from({ length: rows }, () => null);
  if (places.length === 0) return { names: [], columns: [nothing()] };
  return { names: places.map((at) => names[at] ?? ''), columns: places.map((at) => columns[at] ?? []) };
}

function withoutEmpty(runs: readonly number[], blocks: readonly ColumnBlock[]): RecordColumns {
  const used = [...new Set(runs.filter((_one, at) => at % 2 === 0))].toSorted((one, other) => one - other);
  const places = new Map(used.map((index, at) => [index, at]));
  return {
    runs: runs.map((one, at) => (at % 2 === 0 ? (places.get(one) ?? 0) : one)),
    blocks: used.flatMap((index) => blocks[index] ?? []),
  };
}
