/** What is known of a field over some records; kept for every partition, so that a filter can leave partitions out unread. */
import { compareUtf8, ExactNumber } from '@pannier/proto/partition-format';
import type { RecordColumns, RecordValue } from '@pannier/proto/partition-format';

/** Types of a value, as JSON tells them; an integer is a number without a fraction. */
export type FieldType = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object' | 'binary';

/** One field. Numbers and strings have bounds of their own; strings are ordered by their UTF-8 bytes, like everywhere here. */
export interface FieldStatistics {
  readonly name: string;
  /** Types seen, in the order of {@link FieldType}. */
  readonly types: readonly FieldType[];
  /** Records that have the field, null included. */
  readonly present: number;
  readonly nulls: number;
  /** Of integers and numbers; a bound that a double cannot hold is widened to the next double. Absent where there is none. */
  readonly minNumber?: number;
  readonly maxNumber?: number;
  /** Of strings; a long one is cut to 64 bytes, the upper bound then raised, so that it still bounds. */
  readonly minString?: string;
  readonly maxString?: string;
}

/** UTF-8 bytes of a string bound. */
const BOUND_BYTES_MAX = 64;
const TYPES: readonly FieldType[] = [
  'null',
  'boolean',
  'integer',
  'number',
  'string',
  'array',
  'object',
  'binary',
];

/** Collects one field's statistics, column by column. */
class FieldTally {
  readonly name: string;
  present = 0;
  nulls = 0;
  readonly seen = new Set<FieldType>();
  minNumber = Infinity;
  maxNumber = -Infinity;
  minString: string | undefined;
  maxString: string | undefined;

  constructor(name: string) {
    this.name = name;
  }

  addColumn(values: readonly RecordValue[]): void {
    this.present += values.length;
    let integers = false;
    for (const value of values) {
      if (typeof value === 'string') this.#addString(value);
      else if (typeof value === 'number') {
        // NaN is neither less nor greater: nothing bounds a field that holds it.
        if (Number.isNaN(value)) [this.minNumber, this.maxNumber] = [-Infinity, Infinity];
        if (value < this.minNumber) this.minNumber = value;
        if (value > this.maxNumber) this.maxNumber = value;
        if (Number.isInteger(value)) integers = true;
        else this.seen.add('number');
      } else this.#addOther(value);
    }
    if (integers) this.seen.add('integer');
  }

  result(): FieldStatistics {
    const { name, present, nulls, minString, maxString } = this;
    return {
      name,
      types: TYPES.filter((type) => this.seen.has(type)),
      present,
      nulls,
      ...(this.minNumber <= this.maxNumber ? { minNumber: this.minNumber, maxNumber: this.maxNumber } : {}),
      ...(minString === undefined ? {} : { minString: lowerBound(minString) }),
      ...(maxString === undefined ? {} : upperBound(maxString)),
    };
  }

  #addString(value: string): void {
    if (this.minString === undefined || this.maxString === undefined) {
      this.seen.add('string');
      this.minString = value;
      this.maxString = value;
    } else if (compareUtf8(value, this.minString) < 0) this.minString = value;
    else if (compareUtf8(value, this.maxString) > 0) this.maxString = value;
  }

  #addOther(value: Exclude<RecordValue, string | number>): void {
    if (value === null) {
      this.nulls += 1;
      this.seen.add('null');
    } else if (typeof value === 'boolean') this.seen.add('boolean');
    else if (typeof value === 'bigint' || value instanceof ExactNumber) {
      this.seen.add(typeof value === 'bigint' || /^-?\d+$/.test(value.text) ? 'integer' : 'number');
      const near = Number(value);
      const isExact = typeof value === 'bigint' && Number.isFinite(near) && BigInt(near) === value;
      this.minNumber = Math.min(this.minNumber, isExact ? near : nextDouble(near, -1));
      this.maxNumber = Math.max(this.maxNumber, isExact ? near : nextDouble(near, 1));
    } else this.seen.add(Array.isArray(value) ? 'array' : value instanceof Uint8Array ? 'binary' : 'object');
  }
}

/** What is known of the fields of some records, in the order of their first appearance. */
export function statisticsOf({ blocks }: RecordColumns): FieldStatistics[] {
  const tallies = new Map<string, FieldTally>();
  for (const { names, columns } of blocks) {
    for (const [at, name] of (names ?? []).entries()) {
      const tally = tallies.get(name) ?? new FieldTally(name);
      tallies.set(name, tally);
      tally.addColumn(columns[at] ?? []);
    }
  }
  return [...tallies.values()].map((tally) => tally.result());
}

/** What is known of the fields of all of several sets of records. */
export function mergeStatistics(sets: Iterable<readonly FieldStatistics[]>): FieldStatistics[] {
  const merged = new Map<string, FieldStatistics>();
  for (const fields of sets) {
    for (const field of fields) {
      const known = merged.get(field.name);
      merged.set(field.name, known === undefined ? field : mergedField(known, field));
    }
  }
  return [...merged.values()];
}

function mergedField(one: FieldStatistics, other: FieldStatistics): FieldStatistics {
  const least = (compare: (a: string, b: string) => boolean, a?: string, b?: string): string | undefined => {
    if (a === undefined || b === undefined) return a ?? b;
    return compare(a, b) ? a : b;
  };
  const minString = least((a, b) => compareUtf8(a, b) <= 0, one.minString, other.minString);
  // A maximum that is missing although there are strings bounds nothing.
  const unbounded = [one, other].some(
    (field) => field.types.includes('string') && field.maxString === undefined,
  );
  const maxString = unbounded
    ? undefined
    : least((a, b) => compareUtf8(a, b) >= 0, one.maxString, other.maxString);
  const minNumber = Math.min(one.minNumber ?? Infinity, other.minNumber ?? Infinity);
  const maxNumber = Math.max(one.maxNumber ?? -Infinity, other.maxNumber ?? -Infinity);
  return {
    name: one.name,
    types: TYPES.filter((type) => one.types.includes(type) || other.types.includes(type)),
    present: one.present + other.present,
    nulls: one.nulls + other.nulls,
    ...(minNumber <= maxNumber ? { minNumber, maxNumber } : {}),
    ...(minString === undefined ? {} : { minString }),
    ...(maxString === undefined ? {} : { maxString }),
  };
}

function lowerBound(text: string): string {
  return Buffer.byteLength(text) <= BOUND_BYTES_MAX ? text : cut(text);
}

/** A cut text comes before the whole one: its last character is raised, so that it comes behind. Where none can be, there is no bound. */
function upperBound(text: string): { maxString?: string } {
  if (Buffer.byteLength(text) <= BOUND_BYTES_MAX) return { maxString: text };
  const points = Array.from(cut(text));
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const code = (last.codePointAt(0) ?? 0) + 1;
    if (code > 0x10_ffff) continue;
    // Between U+D7FF and U+E000 there are no characters.
    const next = code >= 0xd800 && code <= 0xdfff ? 0xe000 : code;
    return { maxString: points.join('') + String.fromCodePoint(next) };
  }
  return {};
}

function cut(text: string): string {
  let bytes = 0;
  let kept = '';
  for (const point of text) {
    bytes += Buffer.byteLength(point);
    if (bytes > BOUND_BYTES_MAX) break;
    kept += point;
  }
  return kept;
}

const view = new DataView(new ArrayBuffer(8));

/** The double next to one, away from it in a direction; infinities stay. */
function nextDouble(value: number, direction: 1 | -1): number {
  if (!Number.isFinite(value)) return value;
  if (value === 0) return direction * Number.MIN_VALUE;
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 === direction > 0 ? 1n : -1n));
  return view.getFloat64(0);
}
