/**
 * Records on their way into partitions, in bounded memory. A partition is closed by its own content alone, never because memory is
 * short: what does not fit waits in a file.
 */
import {
  encodeLayout,
  layoutRecords,
  RecordLayout,
  recordsOf,
  rowsIn,
} from '@pannier/proto/partition-format';
import type { RecordColumns, RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import type { KeyValue, Placement } from '../strategy/strategy.ts';
import { recordWeight } from '../strategy/record-weight.ts';
import { orderedRecords, sortedRun } from './record-order.ts';
import type { RecordOrder } from './record-order.ts';
import type { SpilledBlock, SpillFile } from './spill-file.ts';

/** The records of one partition, whole. */
export interface WholePartition {
  readonly name: string;
  readonly key: readonly KeyValue[];
  readonly columns: RecordColumns;
  /** The same as bytes, at most `contentBytesMax`. */
  readonly content: Buffer;
}

/** Settings of {@link PartitionBuffers}. */
export interface PartitionBuffersOptions {
  readonly spill: SpillFile;
  /** Memory for records, by weight. */
  readonly memoryBytesMax: number;
  /** Weight at which a partition is closed and its next part begun. */
  readonly partitionBytesMax: number;
  /** Length of a partition's content at which it is split however little it weighs: readers take no more. */
  readonly contentBytesMax: number;
  readonly partitionsMax: number;
  /** How records are sorted within a partition; undefined: as they came. */
  readonly order: RecordOrder | undefined;
  /** Takes a partition to which nothing will be added. */
  readonly emit: (partition: WholePartition) => Promise<void>;
}

interface Open {
  readonly base: string;
  readonly key: readonly KeyValue[];
  records: RecordLayout;
  weight: number;
  /** Weight of what is in memory. */
  heldWeight: number;
  /** What waits in the file: runs of blocks, each run sorted where an order is wanted. */
  runs: SpilledBlock[][];
  /** Parts closed before. */
  parts: number;
}

/** Blocks of a sorted run are small: one of each run is in memory while they are merged. */
const BLOCK_BYTES = 1024 * 1024;

/** Gathers records by partition. */
export class PartitionBuffers {
  readonly #options: PartitionBuffersOptions;
  readonly #open = new Map<string, Open>();
  readonly #names = new Map<string, readonly KeyValue[]>();
  #heldWeight = 0;

  constructor(options: PartitionBuffersOptions) {
    this.#options = options;
  }

  /** Partitions so far, closed ones included, with their keys, in the order of their first records. */
  get names(): ReadonlyMap<string, readonly KeyValue[]> {
    return this.#names;
  }

  /**
   * Adds a record; a promise only where something had to be written.
   *
   * @throws DatasetError `limit-exceeded` when it makes one partition too many
   */
  add(record: RecordValue, { name, key, isLast }: Placement): Promise<void> | undefined {
    const weight = recordWeight(record);
    const open = this.#open.get(name) ?? this.#begin(name, key);
    const overflows =
      this.#options.order === undefined &&
      open.weight > 0 &&
      open.weight + weight > this.#options.partitionBytesMax;
    if (overflows || isLast === true) return this.#addAndClose(open, { record, weight, overflows, isLast });
    this.#put(open, record, weight);
    return this.#heldWeight > this.#options.memoryBytesMax ? this.#relieve() : undefined;
  }

  /** Closes every partition that is still open, in the order of their first records. */
  async finish(): Promise<void> {
    for (const open of this.#open.values()) await this.#close(open, true);
    this.#open.clear();
  }

  #begin(base: string, key: readonly KeyValue[]): Open {
    const open: Open = {
      base,
      key,
      records: new RecordLayout(),
      weight: 0,
      heldWeight: 0,
      runs: [],
      parts: 0,
    };
    this.#requireRoom(this.#open.size + this.#names.size + 1);
    this.#open.set(base, open);
    return open;
  }

  #requireRoom(partitions: number): void {
    const { partitionsMax } = this.#options;
    if (partitions <= partitionsMax) return;
    throw new DatasetError('limit-exceeded', `more partitions than limits.partitionsMax ${partitionsMax}`);
  }

  #put(open: Open, record: RecordValue, weight: number): void {
    open.records.add(record);
    open.weight += weight;
    open.heldWeight += weight;
    this.#heldWeight += weight;
  }

  async #addAndClose(
    open: Open,
    {
      record,
      weight,
      overflows,
      isLast,
    }: { record: RecordValue; weight: number; overflows: boolean; isLast: boolean | undefined },
  ): Promise<void> {
    if (overflows) await this.#close(open, false);
    this.#put(open, record, weight);
    if (isLast !== true) return;
    await this.#close(open, true);
    this.#open.delete(open.base);
  }

  async #close(open: Open, isEnd: boolean): Promise<void> {
    const { order, spill, partitionBytesMax } = this.#options;
    const { records, runs, weight } = open;
    this.#heldWeight -= open.heldWeight;
    Object.assign(open, { records: new RecordLayout(), weight: 0, heldWeight: 0, runs: [] });
    if (order === undefined) return await this.#emit(open, await withSpilled(records, runs, spill), isEnd);
    const sorted = sortedRun(recordsOf(records.columns()), order);
    if (runs.length > 0) {
      const sources = [...runs.map((run) => readRun(run, spill)), [sorted]];
      return await this.#emitParts(open, orderedRecords(sources, order), isEnd);
    }
    if (weight <= partitionBytesMax) await this.#emit(open, layoutRecords(sorted), isEnd);
    else await this.#emitParts(open, [sorted], isEnd);
  }

  /** Cuts what comes into numbered parts where it is too much for one. */
  async #emitParts(
    open: Open,
    pieces: Iterable<RecordValue[]> | AsyncIterable<RecordValue[]>,
    isEnd: boolean,
  ): Promise<void> {
    let part: RecordValue[] = [];
    let weight = 0;
    for await (const piece of pieces) {
      for (const record of piece) {
        const more = recordWeight(record);
        if (part.length > 0 && weight + more > this.#options.partitionBytesMax) {
          await this.#emit(open, layoutRecords(part), false);
          part = [];
          weight = 0;
        }
        part.push(record);
        weight += more;
      }
    }
    if (part.length > 0) await this.#emit(open, layoutRecords(part), isEnd);
  }

  async #emit(open: Open, columns: RecordColumns, isEnd: boolean): Promise<void> {
    const content = encodeLayout(columns);
    if (content.byteLength > this.#options.contentBytesMax)
      return await this.#emitHalves(open, columns, isEnd);
    // Only a partition that needs several parts numbers them.
    const name = isEnd && open.parts === 0 ? open.base : `${open.base}~${open.parts + 1}`;
    open.parts += 1;
    this.#names.set(name, open.key);
    this.#requireRoom(this.#names.size);
    await this.#options.emit({ name, key: open.key, columns, content });
  }

  /** The weight of a text is its length in UTF-16; as UTF-8 it may take three times as much. */
  async #emitHalves(open: Open, columns: RecordColumns, isEnd: boolean): Promise<void> {
    const records = recordsOf(columns);
    if (records.length < 2) {
      const what = `a record of partition ${open.base} is larger than a partition may be, which is`;
      throw new DatasetError('limit-exceeded', `${what} ${this.#options.contentBytesMax} bytes`);
    }
    const middle = records.length >>> 1;
    await this.#emit(open, layoutRecords(records.slice(0, middle)), false);
    await this.#emit(open, layoutRecords(records.slice(middle)), isEnd);
  }

  /** Writes the largest partitions to the file until half of the memory is free. */
  async #relieve(): Promise<void> {
    const { memoryBytesMax, spill, order } = this.#options;
    const largestFirst = [...this.#open.values()].toSorted((one, other) => other.heldWeight - one.heldWeight);
    for (const open of largestFirst) {
      if (this.#heldWeight <= memoryBytesMax / 2) return;
      const columns = open.records.columns();
      const perBlock = Math.max(1, Math.ceil((rowsIn(columns) * BLOCK_BYTES) / Math.max(open.heldWeight, 1)));
      this.#heldWeight -= open.heldWeight;
      open.records = new RecordLayout();
      open.heldWeight = 0;
      if (order === undefined) {
        open.runs.push([await spill.append(columns)]);
        continue;
      }
      const records = sortedRun(recordsOf(columns), order);
      const run: SpilledBlock[] = [];
      for (let at = 0; at < records.length; at += perBlock)
        run.push(await spill.append(layoutRecords(records.slice(at, at + perBlock))));
      open.runs.push(run);
    }
  }
}

/** Records of one partition: those in the file, which came first, and those that are held. */
async function withSpilled(
  held: RecordLayout,
  runs: readonly (readonly SpilledBlock[])[],
  spill: SpillFile,
): Promise<RecordColumns> {
  if (runs.length === 0) return held.columns();
  const all = new RecordLayout();
  for (const block of runs.flat()) all.append(await spill.readColumns(block));
  all.append(held.columns());
  return all.columns();
}

async function* readRun(run: readonly SpilledBlock[], spill: SpillFile): AsyncGenerator<RecordValue[]> {
  for (const block of run) yield await spill.read(block);
}
