/**
 * Conditions on records. Equal means: of the same type and value, an integer being equal to the double of its value; null is a value,
 * and absent is none. Values of different types are neither less nor greater. `not` is the plain complement: it takes what is absent.
 * Strings are compared by their UTF-8 bytes.
 */
import { compareUtf8, ExactNumber } from '@pannier/proto/partition-format';
import type { ColumnBlock, RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import type { FieldStatistics } from './field-statistics.ts';

/** What a field may be compared with. */
export type FilterValue = string | number | bigint | boolean | null;

/** A condition. */
export type RecordFilter =
  | { readonly kind: 'equal'; readonly field: string; readonly value: FilterValue }
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly FilterValue[] }
  | {
      readonly kind: 'less' | 'less-or-equal' | 'greater' | 'greater-or-equal';
      readonly field: string;
      readonly value: FilterValue;
    }
  | { readonly kind: 'prefix'; readonly field: string; readonly prefix: string }
  | { readonly kind: 'all' | 'any'; readonly filters: readonly RecordFilter[] }
  | { readonly kind: 'not'; readonly filter: RecordFilter };

/** What statistics tell of a partition without reading it. */
export type Foresight = 'none' | 'some' | 'all';

const NODES_MAX = 10_000;
const DEPTH_MAX = 50;

/** Checks that a filter can be answered. @throws DatasetError `bad-query` naming the fields that there are */
export function checkFilter(filter: RecordFilter, dataset: string, fields: readonly string[]): void {
  let nodes = 0;
  const check = (one: RecordFilter, depth: number): void => {
    nodes += 'values' in one ? Math.max(1, one.values.length) : 1;
    if (nodes > NODES_MAX || depth > DEPTH_MAX)
      throw new DatasetError(
        'bad-query',
        `filter: over ${NODES_MAX} conditions, or nested deeper than ${DEPTH_MAX}`,
      );
    if ('filters' in one) for (const inner of one.filters) check(inner, depth + 1);
    else if ('filter' in one) check(one.filter, depth + 1);
    else if (!fields.includes(one.field)) throw noField(one.field, { where: 'filter', dataset, fields });
  };
  check(filter, 0);
}

/** Checks a field of a projection. @throws DatasetError `bad-query` naming the fields that there are */
export function requireField(field: string, dataset: string, fields: readonly string[]): void {
  if (!fields.includes(field)) throw noField(field, { where: 'fields', dataset, fields });
}

/** @param where the part of the query that names it */
function noField(
  field: string,
  { where, dataset, fields }: { where: 'filter' | 'fields'; dataset: string; fields: readonly string[] },
): DatasetError {
  const names = fields.join(', ');
  return new DatasetError(
    'bad-query',
    `${where}: dataset ${dataset} has no field "${field}"; its fields are: ${names}`,
  );
}

type Test = (value: RecordValue | undefined) => boolean;

/** Whether each row of a block passes. */
export function rowMask(filter: RecordFilter, block: ColumnBlock): Uint8Array {
  const rows = block.columns[0]?.length ?? 0;
  const mask = new Uint8Array(rows);
  if ('filters' in filter) {
    const isAll = filter.kind === 'all';
    mask.fill(isAll ? 1 : 0);
    for (const inner of filter.filters) {
      const one = rowMask(inner, block);
      for (let row = 0; row < rows; row += 1) {
        mask[row] = isAll ? (mask[row] ?? 0) & (one[row] ?? 0) : (mask[row] ?? 0) | (one[row] ?? 0);
      }
    }
    return mask;
  }
  if ('filter' in filter) return rowMask(filter.filter, block).map((passes) => 1 - passes);
  const at = block.names?.indexOf(filter.field) ?? -1;
  if (at < 0) return mask;
  const test = testOf(filter);
  const column = block.columns[at] ?? [];
  for (let row = 0; row < rows; row += 1) if (test(column[row])) mask[row] = 1;
  return mask;
}

type FieldCondition = Extract<RecordFilter, { field: string }>;

function testOf(filter: FieldCondition): Test {
  if (filter.kind === 'prefix') {
    // A prefix in UTF-8 is one in UTF-16, too: both cut between characters only where the prefix does.
    return (value) => typeof value === 'string' && value.startsWith(filter.prefix);
  }
  if (filter.kind === 'in') {
    const wanted = new Set(filter.values.map(comparable));
    // Nothing is equal to NaN, though a set would find it.
    wanted.delete(Number.NaN);
    return (value) => value !== undefined && isScalar(value) && wanted.has(comparable(value));
  }
  if (filter.kind === 'equal') {
    const wanted = comparable(filter.value);
    return (value) => value !== undefined && isScalar(value) && comparable(value) === wanted;
  }
  const { kind, value: bound } = filter;
  return (value) => {
    const difference = compareScalars(value, bound);
    if (difference === undefined) return false;
    if (kind === 'less') return difference < 0;
    if (kind === 'less-or-equal') return difference <= 0;
    return kind === 'greater' ? difference > 0 : difference >= 0;
  };
}

function isScalar(value: RecordValue): value is FilterValue {
  return value === null || typeof value !== 'object';
}

/** Equal integers are equal, whether a double holds them or not. */
function comparable(value: FilterValue): FilterValue {
  if (typeof value === 'bigint') return BigInt(Number(value)) === value ? Number(value) : value;
  return value === 0 ? 0 : value;
}

function compareScalars(value: RecordValue | undefined, bound: FilterValue): number | undefined {
  if (typeof value === 'string' && typeof bound === 'string') return compareUtf8(value, bound);
  const number = value instanceof ExactNumber ? Number(value.text) : value;
  const isNumeric = (one: unknown): one is number | bigint =>
    typeof one === 'number' || typeof one === 'bigint';
  if (!isNumeric(number) || !isNumeric(bound)) return undefined;
  return number < bound
    ? -1
    : number > bound
      ? 1
      : number === bound || sameNumber(number, bound)
        ? 0
        : undefined;
}

function sameNumber(one: number | bigint, other: number | bigint): boolean {
  return !(one < other) && !(one > other);
}

/** What can be said of a partition's records by its statistics alone; sound, and `some` whenever it is not sure. */
export function foresee(
  filter: RecordFilter,
  records: number,
  fields: readonly FieldStatistics[],
): Foresight {
  if ('filters' in filter) {
    const inner = filter.filters.map((one) => foresee(one, records, fields));
    const [absorbing, neutral] =
      filter.kind === 'all' ? (['none', 'all'] as const) : (['all', 'none'] as const);
    if (inner.includes(absorbing)) return absorbing;
    return inner.every((one) => one === neutral) ? neutral : 'some';
  }
  if ('filter' in filter) {
    const inner = foresee(filter.filter, records, fields);
    return inner === 'some' ? 'some' : inner === 'all' ? 'none' : 'all';
  }
  const field = fields.find(({ name }) => name === filter.field);
  return field === undefined ? 'none' : foreseeField(filter, records, field);
}

function foreseeField(filter: FieldCondition, records: number, field: FieldStatistics): Foresight {
  if (filter.kind === 'prefix') return mayHavePrefix(filter.prefix, field) ? 'some' : 'none';
  const values = filter.kind === 'in' ? filter.values : [filter.value];
  if (filter.kind === 'equal' || filter.kind === 'in') {
    if (!values.some((value) => mayEqual(value, field))) return 'none';
    return field.present === records && values.some((value) => isConstant(value, field)) ? 'all' : 'some';
  }
  const bound = filter.value;
  const { minNumber, maxNumber, minString, maxString, types } = field;
  const below = filter.kind === 'less' || filter.kind === 'less-or-equal';
  if (typeof bound === 'number' || typeof bound === 'bigint') {
    if (minNumber === undefined || maxNumber === undefined) return 'none';
    return (below ? minNumber <= bound : maxNumber >= bound) ? 'some' : 'none';
  }
  if (typeof bound !== 'string' || !types.includes('string')) return 'none';
  if (below) return minString === undefined || compareUtf8(minString, bound) <= 0 ? 'some' : 'none';
  return maxString === undefined || compareUtf8(maxString, bound) >= 0 ? 'some' : 'none';
}

function mayHavePrefix(prefix: string, { types, minString, maxString }: FieldStatistics): boolean {
  if (!types.includes('string')) return false;
  if (maxString !== undefined && compareUtf8(maxString, prefix) < 0) return false;
  return minString === undefined || compareUtf8(minString, prefix) <= 0 || minString.startsWith(prefix);
}

function mayEqual(
  value: FilterValue,
  { types, minNumber, maxNumber, minString, maxString }: FieldStatistics,
): boolean {
  if (value === null) return types.includes('null');
  if (typeof value === 'boolean') return types.includes('boolean');
  if (typeof value === 'string') {
    if (!types.includes('string')) return false;
    if (minString !== undefined && compareUtf8(value, minString) < 0) return false;
    return maxString === undefined || compareUtf8(value, maxString) <= 0;
  }
  return minNumber !== undefined && maxNumber !== undefined && value >= minNumber && value <= maxNumber;
}

/** Whether every value of a field that all records have is this one. A string bound may be cut, so that equal bounds prove it only when they are short. */
function isConstant(value: FilterValue, field: FieldStatistics): boolean {
  if (field.types.length !== 1) return false;
  if (value === null) return field.types[0] === 'null';
  if (typeof value === 'string') {
    const isWhole = Buffer.byteLength(value) < 64;
    return isWhole && field.types[0] === 'string' && field.minString === value && field.maxString === value;
  }
  // Integers beyond a double's have bounds that are wider than themselves, so that equal bounds are exact.
  if (typeof value === 'number') return field.minNumber === value && field.maxNumber === value;
  return false;
}
