import { fieldNames, isIndexName, keptFieldOrder } from './field-order.ts';
import { PartitionFormatError } from './partition-format-error.ts';
import { canonicalColumn, canonicalFieldName, canonicalValue, isRecordObject } from './record-value.ts';
import type { RecordObject, RecordValue } from './record-value.ts';

/** Field names in the records' own order; null for values that are no records, e.g. the numbers of `[1, 2, 3]`. */
export type Shape = readonly string[] | null;

/** Records as columns: what is written, before it is bytes. */
export interface RecordColumns {
  /** Block index and count in turn: the order of the records. */
  readonly runs: readonly number[];
  readonly blocks: readonly ColumnBlock[];
}

/** The records of one shape; every column has a value for each of them. */
export interface ColumnBlock {
  /** Field names; null for values that are no records, which have one column. */
  readonly names: Shape;
  /** A shape without fields has one column of nulls. */
  readonly columns: readonly (readonly RecordValue[])[];
}

/** All values of the records of one shape, one column for each field; a shape without fields has one of nulls. */
type Block = {
  readonly index: number;
  readonly shape: Shape;
  readonly columns: unknown[][];
  /** Whether objects may list the names in another order. */
  readonly isIndexed: boolean;
  /** What the latest record carried; undefined where it is that of the object. */
  order: readonly string[] | undefined;
};

/**
 * Takes records in order and files each under its shape. Nothing of a record is kept but its values, so that whoever holds many
 * holds columns, which are smaller than objects and need not be collected one by one.
 */
export class RecordLayout {
  readonly #runs: number[] = [];
  readonly #blocks: Block[] = [];
  readonly #blockOfShape = new Map<string, Block>();
  #last: Block | undefined;
  /** Of the record that is being added. */
  readonly #values: unknown[] = [];

  /** @throws PartitionFormatError `unencodable` */
  add(record: unknown): void {
    try {
      this.#add(record);
    } catch (cause) {
      if (cause instanceof PartitionFormatError) throw cause;
      throw new PartitionFormatError('unencodable', 'a record is nested too deeply', { cause });
    }
  }

  /** Adds records that were laid out before, or read. */
  append({ runs, blocks }: RecordColumns): void {
    const sources = blocks.map(({ names, columns }) => ({
      block: this.#blockFor(names),
      columns: columns.map(canonicalColumn),
      next: 0,
    }));
    for (let run = 0; run < runs.length; run += 2) {
      const source = sources[runs[run] ?? 0];
      const count = runs[run + 1] ?? 0;
      if (source === undefined) continue;
      const { block, columns, next } = source;
      source.next = next + count;
      for (const [at, column] of block.columns.entries()) {
        const values = columns[at] ?? [];
        for (let row = next; row < next + count; row += 1) column.push(values[row]);
      }
      this.#count(block, count);
    }
  }

  /** What was added so far; what is added later may show in it. */
  columns(): RecordColumns {
    const blocks = this.#blocks.map(({ shape, columns }) => ({
      names: shape,
      columns: columns as RecordValue[][],
    }));
    const columns = { runs: this.#runs, blocks };
    madeOfRecords.add(columns);
    return columns;
  }

  #add(record: unknown): void {
    if (!isRecordObject(record)) {
      const block = this.#blockFor(null);
      block.columns[0]?.push(canonicalValue(record));
      return this.#count(block, 1);
    }
    // Neighbours nearly always have one shape.
    const last = this.#last;
    if (last !== undefined && last.shape !== null && this.#takes(record, last, last.shape)) {
      const { columns } = last;
      const values = this.#values;
      for (let at = 0; at < columns.length; at += 1) columns[at]?.push(values[at]);
      this.#runs[this.#runs.length - 1] = (this.#runs.at(-1) ?? 0) + 1;
      return;
    }
    const names = presentFields(record);
    const block = this.#blockFor(canonicalShape(names));
    if (block.isIndexed) block.order = keptFieldOrder(record);
    if (names.length === 0) block.columns[0]?.push(null);
    for (const [at, name] of names.entries()) block.columns[at]?.push(canonicalValue(record[name]));
    this.#count(block, 1);
  }

  /** Whether the record has these fields, one at least, and no others; then its values are at hand. */
  #takes(record: RecordObject, { isIndexed, order }: Block, shape: readonly string[]): boolean {
    const values = this.#values;
    if (isIndexed) {
      if (keptFieldOrder(record) !== order) return false;
      if (order !== undefined) return this.#takesInOrder(record, shape);
    }
    let at = 0;
    // Several times as fast as Object.keys; what a prototype adds comes last, and is one name too many.
    for (const name in record) {
      const value = record[name];
      if (name !== shape[at] || value === undefined) return false;
      values[at] = canonicalValue(value);
      at += 1;
    }
    return at > 0 && at === shape.length;
  }

  #takesInOrder(record: RecordObject, shape: readonly string[]): boolean {
    const names = Object.keys(record);
    if (names.length !== shape.length) return false;
    for (const [at, name] of shape.entries()) {
      if (record[name] === undefined || !Object.hasOwn(record, name)) return false;
      this.#values[at] = canonicalValue(record[name]);
    }
    return true;
  }

  #count(block: Block, rows: number): void {
    if (block === this.#last) this.#runs[this.#runs.length - 1] = (this.#runs.at(-1) ?? 0) + rows;
    else this.#runs.push(block.index, rows);
    this.#last = block;
  }

  #blockFor(shape: Shape): Block {
    const key = JSON.stringify(shape);
    const known = this.#blockOfShape.get(key);
    if (known !== undefined) return known;
    const columns: unknown[][] = Array.from({ length: columnsOf(shape) }, () => []);
    const isIndexed = shape?.some(isIndexName) ?? false;
    const block: Block = { index: this.#blocks.length, shape, columns, isIndexed, order: undefined };
    this.#blocks.push(block);
    this.#blockOfShape.set(key, block);
    return block;
  }
}

/** Columns whose values are in canonical form, and are not looked at again when they are written: an ingest writes no others. */
const madeOfRecords = new WeakSet<RecordColumns>();

/** Whether `RecordLayout` made these columns. */
export function isCanonical(columns: RecordColumns): boolean {
  return madeOfRecords.has(columns);
}

/** How many columns the block of a shape has. */
export function columnsOf(shape: Shape): number {
  return Math.max(1, shape?.length ?? 1);
}

function presentFields(record: RecordObject): string[] {
  const names = fieldNames(record);
  for (const name of names) {
    if (record[name] === undefined) return names.filter((other) => record[other] !== undefined);
  }
  return names;
}

function canonicalShape(names: readonly string[]): readonly string[] {
  const shape = names.map(canonicalFieldName);
  // Only names that were not Unicode can have become one.
  if (shape.some((name, at) => name !== names[at]) && new Set(shape).size < shape.length)
    throw new PartitionFormatError(
      'unencodable',
      'two fields of a record have one name, but for unpaired surrogates',
    );
  return shape;
}
