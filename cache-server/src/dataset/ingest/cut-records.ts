/** The way of records into partitions: transform, drop duplicates, find edges, place. Runs in the ingest worker. */
import { layoutRecords } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { openStrategy, partitionLevels, partitionStages } from '../strategy/nested.ts';
import type { PartitionStages } from '../strategy/nested.ts';
import { edgesByLevel, isSkewed, joinedEdges, quantileEdges, rangeValue } from '../strategy/range.ts';
import { recordWeight } from '../strategy/record-weight.ts';
import type { KeyValue, Strategy } from '../strategy/strategy.ts';
import { UniqueStage } from '../strategy/unique.ts';
import { openTransform } from '../transform/record-transform.ts';
import type { RecordTransform } from '../transform/record-transform.ts';
import type { IngestPlan, IngestSummary } from './ingest-plan.ts';
import { PartitionBuffers } from './partition-buffers.ts';
import type { WholePartition } from './partition-buffers.ts';
import type { RuleMark } from './rule-watch.ts';
import { SpillFile } from './spill-file.ts';
import type { SpilledBlock } from './spill-file.ts';

/** Bytes of heap for each that a record weighs: objects, strings and what waits to be collected. Measured on cities: 3 to 5. */
const HEAP_PER_WEIGHT = 4;

/** Content of one partition; readers refuse more than a little above this. */
const CONTENT_BYTES_MAX = 16 * 1024 ** 2;

/** Values from which edges are found; more than a million say nothing new. */
const SURVEYED_MAX = 1_000_000;

/** Takes records of all documents in order and emits partitions. */
export class RecordCutter {
  readonly #plan: IngestPlan;
  readonly #stages: PartitionStages;
  readonly #transform: RecordTransform;
  readonly #rules: RuleMark;
  readonly #placesByRule: boolean;
  readonly #unique: UniqueStage | undefined;
  readonly #spill: SpillFile;
  readonly #buffers: PartitionBuffers;
  #strategy: Strategy | undefined;
  #collected: RecordValue[] = [];
  #collectedWeight = 0;
  #surveyed: SpilledBlock[] = [];
  /** Of each level of quantiles. */
  #values: number[][];
  #edges: readonly (readonly number[])[] = [];
  /** Records that the transform was given. */
  #given = 0;
  #records = 0;

  /** @throws DatasetError `bad-rule` when an expression does not compile or a module cannot be loaded */
  static async open(
    plan: IngestPlan,
    emit: (partition: WholePartition) => Promise<void>,
    rules: RuleMark,
  ): Promise<RecordCutter> {
    const stages = partitionStages(plan.settings.partitionBy);
    // A module is the operator's from its first line on.
    rules.enter(0);
    const transform = await openTransform(plan.settings, plan.baseDir);
    rules.leave();
    const cutter = new RecordCutter(plan, { stages, transform, emit, rules });
    if (stages.quantiles.length === 0) await cutter.#openStrategy();
    return cutter;
  }

  private constructor(
    plan: IngestPlan,
    parts: {
      stages: PartitionStages;
      transform: RecordTransform;
      emit: (partition: WholePartition) => Promise<void>;
      rules: RuleMark;
    },
  ) {
    const { settings, limits } = plan;
    const { ingestBytesMax, decompressedBytesMax, partitionsMax } = limits;
    this.#plan = plan;
    this.#stages = parts.stages;
    this.#transform = parts.transform;
    this.#rules = parts.rules;
    this.#placesByRule = partitionLevels(settings.partitionBy).some(
      (level) => 'custom' in level || 'predicate' in level,
    );
    this.#spill = new SpillFile(decompressedBytesMax);
    const { unique, quantiles } = parts.stages;
    this.#values = quantiles.map(() => []);
    this.#unique =
      unique &&
      new UniqueStage({
        fields: [unique.field].flat(),
        keep: unique.keep,
        memoryBytesMax: ingestBytesMax / HEAP_PER_WEIGHT,
        spillBytesMax: 2 * decompressedBytesMax,
      });
    this.#buffers = new PartitionBuffers({
      spill: this.#spill,
      memoryBytesMax: ingestBytesMax / HEAP_PER_WEIGHT,
      partitionBytesMax: settings.partitionBytesMax,
      contentBytesMax: CONTENT_BYTES_MAX,
      partitionsMax,
      order: settings.orderBy === undefined ? undefined : [settings.orderBy].flat(),
      emit: parts.emit,
    });
  }

  async push(records: RecordValue[]): Promise<void> {
    if (this.#transform.perDocument) return this.#collect(records);
    await this.#unlike(await this.#transformed(records));
  }

  async finish(): Promise<IngestSummary> {
    if (this.#transform.perDocument) await this.#unlike(await this.#transformed(this.#collected));
    this.#collected = [];
    if (this.#unique !== undefined) {
      for await (const records of this.#unique.finish()) await this.#survey(records);
      await this.#unique.close();
    }
    if (this.#stages.quantiles.length > 0) await this.#placeSurveyed();
    await this.#buffers.finish();
    await this.#spill.close();
    const { names } = this.#buffers;
    const keyNames = this.#strategy?.keyNames ?? [];
    return {
      counts: {
        records: this.#records,
        duplicates: this.#unique?.duplicates ?? 0,
        missing: this.#strategy?.missing ?? 0,
        dropped: this.#transform.dropped,
      },
      keyNames,
      order: inKeyOrder(names, keyNames),
      quantileEdges: this.#edges.length === 0 ? undefined : joinedEdges(this.#edges),
    };
  }

  async #transformed(records: RecordValue[]): Promise<RecordValue[]> {
    this.#rules.enter(this.#given + 1);
    this.#given += records.length;
    const transformed = await this.#transform.apply(records);
    this.#rules.leave();
    return transformed;
  }

  #collect(records: readonly RecordValue[]): void {
    for (const record of records) {
      this.#collected.push(record);
      this.#collectedWeight += recordWeight(record);
    }
    const { ingestBytesMax } = this.#plan.limits;
    if (this.#collectedWeight <= ingestBytesMax) return;
    const what = 'a transform per document needs all records at once, which are over limits.ingestBytesMax';
    throw new DatasetError('limit-exceeded', `${what} ${ingestBytesMax}`);
  }

  async #unlike(records: readonly RecordValue[]): Promise<void> {
    if (this.#unique === undefined) return await this.#survey(records);
    for (const record of records) {
      const waiting = this.#unique.push(record);
      if (waiting !== undefined) await waiting;
    }
  }

  async #survey(records: readonly RecordValue[]): Promise<void> {
    const { quantiles } = this.#stages;
    if (quantiles.length === 0) return await this.#place(records);
    for (const [level, { field }] of quantiles.entries()) {
      const values = this.#values[level] ?? [];
      for (const record of records) {
        const value = rangeValue(record, field);
        if (value !== undefined && Number.isFinite(value) && values.length < SURVEYED_MAX) values.push(value);
      }
    }
    if (records.length > 0) this.#surveyed.push(await this.#spill.append(layoutRecords(records)));
  }

  async #placeSurveyed(): Promise<void> {
    const { quantiles } = this.#stages;
    const formerEdges = edgesByLevel(this.#plan.quantileEdges ?? []);
    this.#edges = quantiles.map(({ quantiles: count, skewMax }, level) => {
      const values = Float64Array.from(this.#values[level] ?? []);
      const former = this.#plan.quantileEdges === undefined ? undefined : formerEdges[level];
      return former !== undefined && !isSkewed(values, former, skewMax)
        ? former
        : quantileEdges(values, count);
    });
    this.#values = [];
    await this.#openStrategy();
    for (const block of this.#surveyed) await this.#place(await this.#spill.read(block));
  }

  async #openStrategy(): Promise<void> {
    const { settings, baseDir } = this.#plan;
    this.#rules.enter(0);
    this.#strategy = await openStrategy(settings.partitionBy, { baseDir, quantileEdges: this.#edges });
    this.#rules.leave();
  }

  async #place(records: readonly RecordValue[]): Promise<void> {
    const strategy = this.#strategy;
    const byRule = this.#placesByRule;
    if (strategy === undefined) return;
    for (const record of records) {
      if (byRule) this.#rules.enter(this.#records + 1);
      const found = strategy.place(record);
      const places = found instanceof Promise ? await found : found;
      if (byRule) this.#rules.leave();
      for (const place of places) {
        const waiting = this.#buffers.add(record, place);
        if (waiting !== undefined) await waiting;
      }
      this.#records += 1;
    }
  }
}

/** By their keys; chunks, which only the document orders, as they came. */
function inKeyOrder(names: ReadonlyMap<string, readonly KeyValue[]>, keyNames: readonly string[]): string[] {
  const levels = keyNames.flatMap((name, at) => (name === 'chunk' ? [] : [at]));
  const compare = (one: readonly KeyValue[], other: readonly KeyValue[]): number => {
    for (const at of levels) {
      const difference = compareKeys(one[at], other[at]);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  return [...names].toSorted(([, one], [, other]) => compare(one, other)).map(([name]) => name);
}

const RANKS = ['object', 'boolean', 'number', 'bigint', 'string', 'undefined'];

function compareKeys(one: KeyValue, other: KeyValue): number {
  if (
    one === undefined ||
    one === null ||
    other === undefined ||
    other === null ||
    typeof one !== typeof other
  )
    return RANKS.indexOf(typeof one) - RANKS.indexOf(typeof other);
  if (typeof one === 'string') return Buffer.compare(Buffer.from(one), Buffer.from(String(other)));
  return one < other ? -1 : one > other ? 1 : 0;
}
