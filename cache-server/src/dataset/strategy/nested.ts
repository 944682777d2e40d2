/** Strategies one below the other: `field`, then `chunk` within each value. The one door to all of them. */
import { isAbsolute, join } from 'node:path';
import type { Config } from '@pannier/runtime';
import type { RecordValue } from '@pannier/proto/partition-format';
import { chunkStrategy } from './chunk.ts';
import { customStrategy } from './custom.ts';
import { dateStrategy } from './date.ts';
import { fieldStrategy } from './field.ts';
import { hashStrategy } from './hash.ts';
import { predicateStrategy } from './predicate.ts';
import { rangeStrategy } from './range.ts';
import type { KeyValue, OpenStrategy, Placement, Strategy } from './strategy.ts';

type PartitionBy = Config['datasets'][string]['partitionBy'];
/** One level of `partitionBy`. */
export type PartitionLevel = Extract<PartitionBy, readonly unknown[]>[number];
/** `unique`, which is a stage before the levels. */
export type UniqueLevel = Extract<PartitionLevel, { unique: unknown }>['unique'];
/** A range by quantiles, whose edges have to be found first. */
export interface QuantileLevel {
  readonly field: string;
  readonly quantiles: number;
  readonly skewMax: number;
}

/** What an ingest has to do besides placing. */
export interface PartitionStages {
  readonly unique: UniqueLevel | undefined;
  /** In the order of their levels. */
  readonly quantiles: readonly QuantileLevel[];
}

/** Levels in order, `unique` among them. */
export function partitionLevels(partitionBy: PartitionBy): readonly PartitionLevel[] {
  return Array.isArray(partitionBy) ? partitionBy : [partitionBy];
}

/** What has to come before the placing. */
export function partitionStages(partitionBy: PartitionBy): PartitionStages {
  const levels = partitionLevels(partitionBy);
  const unique = levels.find((level) => 'unique' in level)?.unique;
  const ranges = levels.flatMap((level) => ('range' in level ? [level.range] : []));
  const quantiles = ranges.flatMap((range) => {
    if (range.quantiles === undefined) return [];
    return [{ field: range.field, quantiles: range.quantiles, skewMax: range.skewMax }];
  });
  return { unique, quantiles };
}

/** Settings of {@link openStrategy}. */
export interface StrategyOptions {
  /** Where relative paths of modules begin. */
  readonly baseDir: string;
  /** Edges for the ranges by quantiles, in the order of their levels. */
  readonly quantileEdges: readonly (readonly number[])[];
}

/** @throws DatasetError `bad-rule` when an expression does not compile or a module cannot be loaded */
export async function openStrategy(partitionBy: PartitionBy, options: StrategyOptions): Promise<Strategy> {
  const levels: OpenStrategy[] = [];
  const edges = options.quantileEdges.values();
  for (const level of partitionLevels(partitionBy)) {
    if (!('unique' in level)) levels.push(await openLevel(level, options.baseDir, edges));
  }
  const [top, ...below] = levels;
  if (top === undefined) return new WholeStrategy();
  return below.length === 0 ? top() : new NestedStrategy(top, below);
}

async function openLevel(
  level: PartitionLevel,
  baseDir: string,
  quantileEdges: Iterator<readonly number[], undefined>,
): Promise<OpenStrategy> {
  if ('field' in level) return fieldStrategy([level.field].flat());
  if ('predicate' in level) {
    return predicateStrategy({ predicates: level.predicate, matches: level.matches, rest: level.rest });
  }
  if ('chunk' in level) {
    const { records, bytes, stable } = level.chunk;
    return chunkStrategy(records === undefined ? { bytes: bytes ?? 1 } : { records }, stable);
  }
  if ('hash' in level) return hashStrategy([level.hash.field].flat(), level.hash.buckets);
  if ('date' in level) return dateStrategy(level.date);
  if ('custom' in level) {
    const { module } = level.custom;
    return await customStrategy(isAbsolute(module) ? module : join(baseDir, module));
  }
  if (!('range' in level)) return () => new WholeStrategy();
  const { field, edges, width, origin } = level.range;
  if (width !== undefined) return rangeStrategy(field, { width, origin });
  return rangeStrategy(field, { edges: edges ?? quantileEdges.next().value ?? [] });
}

/** Everything in one partition: what stands behind `unique` alone. */
class WholeStrategy implements Strategy {
  readonly keyNames = [];
  readonly missing = 0;
  readonly #all: readonly Placement[] = [{ name: 'all', key: [] }];

  place(): readonly Placement[] {
    return this.#all;
  }
}

/** One level over others; each of its partitions has a rule of its own below. */
class NestedStrategy implements Strategy {
  readonly keyNames: readonly string[];
  readonly #top: Strategy;
  readonly #openBelow: () => Strategy;
  readonly #below = new Map<string, Strategy>();

  constructor(top: OpenStrategy, [next, ...rest]: readonly OpenStrategy[]) {
    this.#top = top();
    this.#openBelow = () => {
      if (next === undefined) return new WholeStrategy();
      return rest.length === 0 ? next() : new NestedStrategy(next, rest);
    };
    this.keyNames = [...this.#top.keyNames, ...this.#openBelow().keyNames];
  }

  get missing(): number {
    let missing = this.#top.missing;
    for (const strategy of this.#below.values()) missing += strategy.missing;
    return missing;
  }

  place(record: RecordValue): readonly Placement[] | Promise<readonly Placement[]> {
    const upper = this.#top.place(record);
    if (upper instanceof Promise) return upper.then(async (places) => await this.#placeBelow(places, record));
    const lower = upper.map((place) => this.#lower(place).place(record));
    if (lower.some((places) => places instanceof Promise)) return this.#joinLater(upper, lower);
    return upper.flatMap((place, i) => joined(place, lower[i] as readonly Placement[]));
  }

  async #placeBelow(upper: readonly Placement[], record: RecordValue): Promise<readonly Placement[]> {
    return await this.#joinLater(
      upper,
      upper.map((place) => this.#lower(place).place(record)),
    );
  }

  async #joinLater(
    upper: readonly Placement[],
    lower: readonly (readonly Placement[] | Promise<readonly Placement[]>)[],
  ): Promise<readonly Placement[]> {
    const places = await Promise.all(lower.map(async (one) => await one));
    return upper.flatMap((place, i) => joined(place, places[i] ?? []));
  }

  #lower({ name }: Placement): Strategy {
    const known = this.#below.get(name);
    if (known !== undefined) return known;
    const opened = this.#openBelow();
    this.#below.set(name, opened);
    return opened;
  }
}

function joined(upper: Placement, lower: readonly Placement[]): Placement[] {
  return lower.map(({ name, key, isLast }) => {
    const all: readonly KeyValue[] = [...upper.key, ...key];
    return { name: `${upper.name}/${name}`, key: all, ...(isLast === undefined ? {} : { isLast }) };
  });
}
