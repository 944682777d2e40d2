import { canonicalFieldName, canonicalValue, isRecordObject } from './record-value.ts';
import type { RecordObject } from './record-value.ts';

/** Field names in the records' own order; null for values that are no records, e.g. the numbers of `[1, 2, 3]`. */
export type Shape = readonly string[] | null;

/** All values of the records of one shape, one column for each field; a shape without fields has one of nulls. */
type Block = { readonly index: number; readonly shape: Shape; readonly columns: unknown[][] };

/** Takes records in order and files each under its shape. */
export class RecordLayout {
  /** Block index and count in turn: the order of the records. */
  readonly runs: number[] = [];
  readonly #blocks: Block[] = [];
  readonly #blockOfShape = new Map<string, Block>();
  #last: Block | undefined;

  /** @throws PartitionFormatError `unencodable` */
  add(record: unknown): void {
    const fields = isRecordObject(record) ? record : null;
    const names = fields === null ? null : presentFields(fields);
    const block = this.#blockFor(names);
    const { columns } = block;
    if (fields === null || names === null) columns[0]?.push(canonicalValue(record));
    else if (names.length === 0) columns[0]?.push(null);
    else for (let i = 0; i < names.length; i += 1) columns[i]?.push(canonicalValue(fields[names[i] ?? '']));

    if (block === this.#last) this.runs[this.runs.length - 1] = (this.runs.at(-1) ?? 0) + 1;
    else this.runs.push(block.index, 1);
    this.#last = block;
  }

  /** Names and columns of each block, as they are written. */
  blocks(): [names: Shape, columns: unknown[][]][] {
    return this.#blocks.map(({ shape, columns }) => [shape?.map(canonicalFieldName) ?? null, columns]);
  }

  #blockFor(shape: Shape): Block {
    // Neighbours nearly always have one shape: compare before building a key.
    if (this.#last !== undefined && sameShape(this.#last.shape, shape)) return this.#last;
    const key = JSON.stringify(shape);
    const known = this.#blockOfShape.get(key);
    if (known !== undefined) return known;
    const columns: unknown[][] = Array.from({ length: columnsOf(shape) }, () => []);
    const block = { index: this.#blocks.length, shape, columns };
    this.#blocks.push(block);
    this.#blockOfShape.set(key, block);
    return block;
  }
}

/** How many columns the block of a shape has. */
export function columnsOf(shape: Shape): number {
  return Math.max(1, shape?.length ?? 1);
}

function presentFields(record: RecordObject): string[] {
  const names = Object.keys(record);
  for (const name of names) {
    if (record[name] === undefined) return names.filter((other) => record[other] !== undefined);
  }
  return names;
}

function sameShape(a: Shape, b: Shape): boolean {
  if (a === null || b === null) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
