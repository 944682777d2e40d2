/** `range`: half-open intervals of a number, `[from, to)`, by given edges, by one width, or so that each holds about as many records. */
import { ExactNumber } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { fieldValue, MISSING } from './key-value.ts';
import type { OpenStrategy, Placement, Strategy } from './strategy.ts';

/** How the intervals are told; `edges` ascend. */
export type RangeIntervals =
  { readonly edges: readonly number[] } | { readonly width: number; readonly origin: number };

const ENDLESS = '∞';

/** The field as a number; undefined for what is none. Text is none either, unless `types` made a number of it. */
export function rangeValue(record: RecordValue, field: string): number | undefined {
  const value = fieldValue(record, field);
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : value;
  return typeof value === 'bigint' || value instanceof ExactNumber ? Number(value) : undefined;
}

class RangeStrategy implements Strategy {
  readonly keyNames = ['from', 'to'];
  missing = 0;
  readonly #field: string;
  readonly #intervals: RangeIntervals;
  readonly #known = new Map<number, readonly Placement[]>();

  constructor(field: string, intervals: RangeIntervals) {
    this.#field = field;
    this.#intervals = intervals;
  }

  place(record: RecordValue): readonly Placement[] {
    const value = rangeValue(record, this.#field);
    if (value === undefined) {
      this.missing += 1;
      return [{ name: MISSING, key: [undefined, undefined] }];
    }
    const index = 'edges' in this.#intervals ? indexOf(value, this.#intervals.edges) : this.#step(value);
    const known = this.#known.get(index);
    if (known !== undefined) return known;
    const [from, to] = this.#bounds(index);
    const name = `${from ?? `-${ENDLESS}`}..${to ?? ENDLESS}`;
    const placed = [{ name, key: [from, to] }];
    this.#known.set(index, placed);
    return placed;
  }

  #step(value: number): number {
    const { width, origin } = this.#intervals as Extract<RangeIntervals, { width: number }>;
    return Math.floor((value - origin) / width);
  }

  #bounds(index: number): [from: number | undefined, to: number | undefined] {
    const intervals = this.#intervals;
    if ('edges' in intervals) return [intervals.edges[index - 1], intervals.edges[index]];
    // Counted from the origin, so that the edges of 0.1 are not the sums of its rounding errors.
    const edge = (step: number): number =>
      Number((intervals.origin + step * intervals.width).toPrecision(12));
    return Number.isFinite(index) ? [edge(index), edge(index + 1)] : [undefined, undefined];
  }
}

/** Number of edges that are at most the value. */
function indexOf(value: number, edges: readonly number[]): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] ?? Infinity) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Values outside of all edges go to the first interval, which has no beginning, or to the last, which has no end. */
export function rangeStrategy(field: string, intervals: RangeIntervals): OpenStrategy {
  return () => new RangeStrategy(field, intervals);
}

/**
 * Edges between so many intervals that hold about as many values each; fewer where values repeat.
 *
 * @param values in any order; sorted in place
 */
export function quantileEdges(values: Float64Array, quantiles: number): number[] {
  values.sort();
  const edges: number[] = [];
  for (let cut = 1; cut < quantiles; cut += 1) {
    const edge = values[Math.floor((cut * values.length) / quantiles)];
    if (edge !== undefined && edge > (edges.at(-1) ?? values[0] ?? edge)) edges.push(edge);
  }
  return edges;
}

/** Edges of several levels as one list; no edge is infinite. */
export function joinedEdges(levels: readonly (readonly number[])[]): number[] {
  return levels.flatMap((edges, at) => (at === 0 ? edges : [Infinity, ...edges]));
}

/** The edges of each level, from one list of them all. */
export function edgesByLevel(joined: readonly number[]): number[][] {
  const levels: number[][] = [[]];
  for (const edge of joined) {
    if (edge === Infinity) levels.push([]);
    else levels.at(-1)?.push(edge);
  }
  return levels;
}

/** Whether the largest interval holds more than `skewMax` times the mean: its edges have had their day. */
export function isSkewed(values: Float64Array, edges: readonly number[], skewMax: number): boolean {
  const counts = new Float64Array(edges.length + 1);
  for (const value of values) {
    const index = indexOf(value, edges);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return Math.max(...counts) > (skewMax * values.length) / counts.length;
}
