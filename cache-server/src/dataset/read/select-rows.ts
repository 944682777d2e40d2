/** Rows and fields out of a partition's columns; no record object is made for it. */
import { RecordLayout, rowsOf } from '@pannier/proto/partition-format';
import type { ColumnBlock, RecordColumns, RecordValue } from '@pannier/proto/partition-format';
import { conditionCount } from './record-filter.ts';
import type { RecordFilter } from './record-filter.ts';
import { rowTestOf } from './row-test.ts';
import type { Slices } from './slices.ts';

/** What to take. */
export interface Selection {
  /** Undefined: all rows. */
  readonly filter: RecordFilter | undefined;
  /** Undefined: all fields. A record that has none of them stays, as an empty one. */
  readonly fields: readonly string[] | undefined;
}

/** The columns of what passes, in the same order; one block for each shape that is left. */
export async function selectRows(
  { runs, blocks }: RecordColumns,
  { filter, fields }: Selection,
  slices: Slices,
): Promise<RecordColumns> {
  const masks = filter === undefined ? undefined : await rowMasks(filter, blocks, slices);
  const wanted = fields === undefined ? undefined : new Set(fields);
  const kept: ColumnBlock[] = [];
  for (const [at, block] of blocks.entries()) {
    kept.push(takeRows(takeFields(block, wanted), masks?.[at]));
    await slices.between();
  }
  return oneForEachShape(withoutEmpty(keptRuns(runs, masks), kept));
}

/** Number of records. */
export function recordCount({ runs }: RecordColumns): number {
  let count = 0;
  for (let run = 1; run < runs.length; run += 2) count += runs[run] ?? 0;
  return count;
}

/** Conditions that are tried before the time is looked at. */
const CONDITIONS_AT_ONCE = 8192;

/** Whether each row of each block passes. */
async function rowMasks(
  filter: RecordFilter,
  blocks: readonly ColumnBlock[],
  slices: Slices,
): Promise<Uint8Array[]> {
  const testFor = rowTestOf(filter);
  const rowsAtOnce = Math.max(1, Math.floor(CONDITIONS_AT_ONCE / conditionCount(filter)));
  const masks: Uint8Array[] = [];
  for (const block of blocks) {
    const test = testFor(block);
    const mask = new Uint8Array(rowsOf(block));
    for (let from = 0; from < mask.length; from += rowsAtOnce) {
      const to = Math.min(mask.length, from + rowsAtOnce);
      for (let row = from; row < to; row += 1) if (test(row)) mask[row] = 1;
      await slices.between();
    }
    masks.push(mask);
  }
  return masks;
}

function keptRuns(runs: readonly number[], masks: readonly Uint8Array[] | undefined): readonly number[] {
  if (masks === undefined) return runs;
  const next = masks.map(() => 0);
  const kept: number[] = [];
  for (let run = 0; run < runs.length; run += 2) {
    const index = runs[run] ?? 0;
    const from = next[index] ?? 0;
    const to = from + (runs[run + 1] ?? 0);
    next[index] = to;
    let count = 0;
    for (let row = from; row < to; row += 1) count += masks[index]?.[row] ?? 0;
    if (count === 0) continue;
    // Neighbouring runs of one block are one.
    if (kept.at(-2) === index) kept[kept.length - 1] = (kept.at(-1) ?? 0) + count;
    else kept.push(index, count);
  }
  return kept;
}

function takeRows(block: ColumnBlock, mask: Uint8Array | undefined): ColumnBlock {
  if (mask === undefined || mask.every((one) => one === 1)) return block;
  return {
    names: block.names,
    columns: block.columns.map((column) => column.filter((_value, row) => mask[row] === 1)),
  };
}

function takeFields(block: ColumnBlock, fields: ReadonlySet<string> | undefined): ColumnBlock {
  const { names, columns } = block;
  if (fields === undefined || names === null) return block;
  const places = names.flatMap((name, at) => (fields.has(name) ? [at] : []));
  if (places.length === names.length) return block;
  const nothing = (): RecordValue[] => Array.from({ length: rowsOf(block) }, () => null);
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

/** Shapes that only differed in fields that were left out are one shape now. */
function oneForEachShape(columns: RecordColumns): RecordColumns {
  const shapes = new Set(columns.blocks.map(({ names }) => JSON.stringify(names)));
  if (shapes.size === columns.blocks.length) return columns;
  const layout = new RecordLayout();
  layout.append(columns);
  return layout.columns();
}
