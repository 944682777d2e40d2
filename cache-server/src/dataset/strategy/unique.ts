/**
 * `unique`: of records with the same key only one stays, the first or the last. Comes before any placing. Memory is bounded: beyond it
 * records wait in files by the hash of their key, and come back in the order of the document.
 */
import { crc32 } from 'node:zlib';
import {
  encodeRecords,
  isRecordObject,
  keepFieldOrder,
  keptFieldOrder,
  layoutRecords,
} from '@pannier/proto/partition-format';
import type { RecordObject, RecordValue } from '@pannier/proto/partition-format';
import { SpillFile } from '../ingest/spill-file.ts';
import type { SpilledBlock } from '../ingest/spill-file.ts';
import { fieldValue } from './key-value.ts';
import { recordWeight } from './record-weight.ts';

/** Settings of {@link UniqueStage}. */
export interface UniqueOptions {
  readonly fields: readonly string[];
  readonly keep: 'first' | 'last';
  readonly memoryBytesMax: number;
  /** Bytes on disk at most. */
  readonly spillBytesMax: number;
}

/** A record, its place in the document and the text that its key stands for. */
interface Seen {
  readonly order: number;
  readonly record: RecordValue;
}

const BUCKETS = 64;
const BLOCK_RECORDS = 500;
/** What an entry of the table costs beside its record. */
const ENTRY_BYTES = 120;

/** Takes records and gives back those that stay, when all have come. */
export class UniqueStage {
  readonly #options: UniqueOptions;
  readonly #spill: SpillFile;
  #table = new Map<string, Seen>();
  #weight = 0;
  #order = 0;
  #buckets: { readonly blocks: SpilledBlock[]; open: RecordValue[] }[] | undefined;
  duplicates = 0;

  constructor(options: UniqueOptions) {
    this.#options = options;
    this.#spill = new SpillFile(options.spillBytesMax);
  }

  /** A record without any of the fields is like no other and stays. */
  push(record: RecordValue): Promise<void> | undefined {
    const order = this.#order;
    this.#order += 1;
    const key = this.#keyOf(record, order);
    if (this.#buckets !== undefined) return this.#append(key, { order, record });
    this.#keep(this.#table, key, { order, record });
    this.#weight += recordWeight(record) + key.length + ENTRY_BYTES;
    return this.#weight > this.#options.memoryBytesMax ? this.#spillAll() : undefined;
  }

  /** The records that stay, in the order of the document; with `last`, at the place of the last. */
  async *finish(): AsyncGenerator<readonly RecordValue[]> {
    if (this.#buckets === undefined) {
      yield inOrder(this.#table).map(({ record }) => record);
      return;
    }
    for (const [index, bucket] of this.#buckets.entries()) await this.#flush(bucket, index);
    const survivors: SpilledBlock[][] = [];
    for (const { blocks } of this.#buckets) survivors.push(await this.#decide(blocks));
    yield* this.#merge(survivors);
  }

  async close(): Promise<void> {
    this.#table = new Map();
    this.#buckets = undefined;
    await this.#spill.close();
  }

  #keyOf(record: RecordValue, order: number): string {
    const values = this.#options.fields.map((field) => fieldValue(record, field));
    if (values.every((value) => value === undefined)) return `#${order}`;
    // Canonical bytes, so that 1 and "1", or null and nothing, are different keys.
    return values.length === 1 && typeof values[0] === 'string'
      ? `s${values[0]}`
      : `k${encodeRecords(values.map((value) => (value === undefined ? [] : [value]))).toString('latin1')}`;
  }

  #keep(table: Map<string, Seen>, key: string, seen: Seen): void {
    const known = table.get(key);
    if (known !== undefined) this.duplicates += 1;
    if (known === undefined || this.#options.keep === 'last') table.set(key, seen);
  }

  async #spillAll(): Promise<void> {
    this.#buckets = Array.from({ length: BUCKETS }, () => ({ blocks: [], open: [] }));
    const table = this.#table;
    this.#table = new Map();
    for (const [key, seen] of inTableOrder(table)) await this.#append(key, seen);
  }

  #append(key: string, { order, record }: Seen): Promise<void> | undefined {
    const index = crc32(key) % BUCKETS;
    const bucket = this.#buckets?.[index];
    bucket?.open.push([key, order, ...waiting(record)]);
    return bucket !== undefined && bucket.open.length >= BLOCK_RECORDS
      ? this.#flush(bucket, index)
      : undefined;
  }

  async #flush(
    bucket: { readonly blocks: SpilledBlock[]; open: RecordValue[] },
    _index: number,
  ): Promise<void> {
    if (bucket.open.length === 0) return;
    const full = bucket.open;
    bucket.open = [];
    bucket.blocks.push(await this.#spill.append(layoutRecords(full)));
  }

  /** One bucket's records, which are a small share of all: duplicates out, in order, back to the file. */
  async #decide(blocks: readonly SpilledBlock[]): Promise<SpilledBlock[]> {
    const table = new Map<string, Seen>();
    for (const block of blocks) {
      for (const row of await this.#spill.read(block)) {
        const [key, order, ...rest] = row as [string, number, ...Waiting];
        this.#keep(table, key, { order, record: returned(rest) });
      }
    }
    const kept = inOrder(table);
    const written: SpilledBlock[] = [];
    for (let at = 0; at < kept.length; at += BLOCK_RECORDS) {
      const part = kept
        .slice(at, at + BLOCK_RECORDS)
        .map(({ order, record }): RecordValue => [order, ...waiting(record)]);
      written.push(await this.#spill.append(layoutRecords(part)));
    }
    return written;
  }

  async *#merge(runs: readonly (readonly SpilledBlock[])[]): AsyncGenerator<readonly RecordValue[]> {
    const heads = runs.map((blocks) => ({ blocks, next: 0, rows: [] as RecordValue[], at: 0 }));
    let piece: RecordValue[] = [];
    for (;;) {
      let least: (typeof heads)[number] | undefined;
      for (const head of heads) {
        const block = head.at < head.rows.length ? undefined : head.blocks[head.next];
        if (block !== undefined) {
          head.rows = await this.#spill.read(block);
          head.next += 1;
          head.at = 0;
        }
        if (head.at < head.rows.length && (least === undefined || orderOf(head) < orderOf(least)))
          least = head;
      }
      if (least === undefined) break;
      const [, ...rest] = least.rows[least.at] as [number, ...Waiting];
      piece.push(returned(rest));
      least.at += 1;
      if (piece.length < BLOCK_RECORDS) continue;
      yield piece;
      piece = [];
    }
    if (piece.length > 0) yield piece;
  }
}

/** A record in the file, with the order of its fields where it carries one: within a row it is a value like any other. */
type Waiting = [record: RecordValue, fields?: readonly string[]];

function waiting(record: RecordValue): RecordValue[] {
  const fields = isRecordObject(record) ? keptFieldOrder(record) : undefined;
  return fields === undefined ? [record] : [record, fields];
}

function returned([record, fields]: Waiting): RecordValue {
  if (fields !== undefined) keepFieldOrder(record as RecordObject, fields);
  return record;
}

function orderOf({ rows, at }: { rows: readonly RecordValue[]; at: number }): number {
  return (rows[at] as [number, RecordValue])[0];
}

function inOrder(table: ReadonlyMap<string, Seen>): Seen[] {
  return [...table.values()].toSorted((one, other) => one.order - other.order);
}

function inTableOrder(table: ReadonlyMap<string, Seen>): [string, Seen][] {
  return [...table].toSorted(([, one], [, other]) => one.order - other.order);
}
