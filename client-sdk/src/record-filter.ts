/** Filters: what the server needs to leave out partitions and rows, and what the client needs for what it holds already. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ComparisonOperator } from '@pannier/proto';
import type { FilterSchema, ValueSchema } from '@pannier/proto';
import { compareUtf8, ExactNumber } from '@pannier/proto/partition-format';
import { PannierError } from './errors.ts';

/** What a field may be compared with. Equal means: of the same type; null is not absent. */
export type FilterScalar = string | number | bigint | boolean | null;

/** Comparisons of a field, all of which must hold. Values of different types are neither less nor greater. */
export interface FieldComparison {
  readonly eq?: FilterScalar;
  /** Also true where the field is absent. */
  readonly ne?: FilterScalar;
  readonly lt?: FilterScalar;
  readonly lte?: FilterScalar;
  readonly gt?: FilterScalar;
  readonly gte?: FilterScalar;
  readonly in?: readonly FilterScalar[];
  /** Of a string. */
  readonly prefix?: string;
}

/** A value, several of which one must fit, or comparisons. */
export type FieldCondition = FilterScalar | readonly FilterScalar[] | FieldComparison;

/** Fields and their conditions, all of which must hold: `{ country: ['CZ', 'SK'], lat: { gte: 50 } }`; or a {@link CombinedFilter}. */
export type RecordFilter<T = Record<string, unknown>> =
  { readonly [Field in keyof T]?: FieldCondition } | CombinedFilter<T>;

/** Several filters as one; made by `allOf`, `anyOf` and `not`. */
export class CombinedFilter<T = Record<string, unknown>> {
  readonly kind: 'allOf' | 'anyOf' | 'not';
  readonly filters: readonly RecordFilter<T>[];

  constructor(kind: 'allOf' | 'anyOf' | 'not', filters: readonly RecordFilter<T>[]) {
    this.kind = kind;
    this.filters = filters;
  }
}

/** Every filter must pass. */
export function allOf<T>(...filters: readonly RecordFilter<T>[]): CombinedFilter<T> {
  return new CombinedFilter('allOf', filters);
}

/** At least one filter must pass. */
export function anyOf<T>(...filters: readonly RecordFilter<T>[]): CombinedFilter<T> {
  return new CombinedFilter('anyOf', filters);
}

/** The opposite: it also takes records that lack the field. */
export function not<T>(filter: RecordFilter<T>): CombinedFilter<T> {
  return new CombinedFilter('not', [filter]);
}

type FilterInit = Exclude<MessageInitShape<typeof FilterSchema>, { $typeName: string }>;
type ValueInit = Exclude<MessageInitShape<typeof ValueSchema>, { $typeName: string }>;
type Matcher = (record: unknown) => boolean;
type Comparison = keyof FieldComparison;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

const OPERATORS: Readonly<Record<Exclude<Comparison, 'in' | 'prefix'>, ComparisonOperator>> = {
  eq: ComparisonOperator.EQUAL,
  ne: ComparisonOperator.NOT_EQUAL,
  lt: ComparisonOperator.LESS,
  lte: ComparisonOperator.LESS_OR_EQUAL,
  gt: ComparisonOperator.GREATER,
  gte: ComparisonOperator.GREATER_OR_EQUAL,
};

/** The filter as the server reads it; undefined when it leaves everything. @throws PannierError `bad-request` */
export function filterMessage(filter: RecordFilter): FilterInit | undefined {
  const filters = partsOf(filter).map(partMessage);
  if (filter instanceof CombinedFilter && filter.kind !== 'allOf') return filters[0];
  return filters.length < 2 ? filters[0] : { kind: { case: 'allOf', value: { filters } } };
}

/** Whether a record passes. @throws PannierError `bad-request` */
export function recordMatcher(filter: RecordFilter): Matcher {
  const matchers = partsOf(filter).map(partMatcher);
  if (matchers.length === 0) return () => true;
  return (record) => matchers.every((matches) => matches(record));
}

/** One condition of a filter. */
type Part =
  | { readonly kind: 'any' | 'not'; readonly filters: readonly RecordFilter[] }
  | { readonly kind: Comparison; readonly field: string; readonly value: unknown };

function partsOf(filter: RecordFilter): Part[] {
  if (filter instanceof CombinedFilter) {
    if (filter.kind === 'allOf') return filter.filters.flatMap(partsOf);
    return [{ kind: filter.kind === 'not' ? 'not' : 'any', filters: filter.filters }];
  }
  return Object.entries(filter).flatMap(([field, condition]) => fieldParts(field, condition));
}

function fieldParts(field: string, condition: unknown): Part[] {
  if (Array.isArray(condition))
    return [{ kind: 'in', field, value: condition.map((value) => scalar(field, value)) }];
  if (typeof condition !== 'object' || condition === null)
    return [{ kind: 'eq', field, value: scalar(field, condition) }];
  const comparisons = Object.entries(condition);
  if (comparisons.length === 0) throw refusal(field);
  return comparisons.map(([kind, value]): Part => {
    if (kind === 'in' && Array.isArray(value))
      return { kind, field, value: value.map((one) => scalar(field, one)) };
    if (kind === 'prefix' && typeof value === 'string') return { kind, field, value };
    if (kind in OPERATORS) return { kind: kind as Comparison, field, value: scalar(field, value) };
    throw refusal(field);
  });
}

function partMessage(part: Part): FilterInit {
  if ('filters' in part) {
    const filters = part.filters.map(
      (one) => filterMessage(one) ?? { kind: { case: 'allOf', value: {} } as const },
    );
    const [inner] = filters;
    if (part.kind === 'not' && inner !== undefined) return { kind: { case: 'not', value: inner } };
    return { kind: { case: 'anyOf', value: { filters } } };
  }
  const { kind, field, value } = part;
  if (kind === 'in') {
    const values = (value as readonly FilterScalar[]).map(valueMessage);
    return { kind: { case: 'in', value: { field, values } } };
  }
  if (kind === 'prefix') return { kind: { case: 'prefix', value: { field, prefix: String(value) } } };
  const comparison = { field, operator: OPERATORS[kind], value: valueMessage(value as FilterScalar) };
  return { kind: { case: 'comparison', value: comparison } };
}

function partMatcher(part: Part): Matcher {
  if ('filters' in part) {
    const matchers = part.filters.map(recordMatcher);
    if (part.kind === 'not') return (record) => !matchers.every((matches) => matches(record));
    return (record) => matchers.some((matches) => matches(record));
  }
  const { kind, field, value } = part;
  if (kind === 'ne') {
    const equal = partMatcher({ kind: 'eq', field, value });
    return (record) => !equal(record);
  }
  const test = valueTest(kind, value);
  return (record) => {
    if (typeof record !== 'object' || record === null || !Object.hasOwn(record, field)) return false;
    return test((record as Record<string, unknown>)[field]);
  };
}

function valueTest(kind: Exclude<Comparison, 'ne'>, value: unknown): (value: unknown) => boolean {
  if (kind === 'prefix') return (one) => typeof one === 'string' && one.startsWith(String(value));
  if (kind === 'eq' || kind === 'in') {
    const wanted = new Set([value].flat().map((one) => comparable(one as FilterScalar)));
    return (one) => isScalar(one) && wanted.has(comparable(one));
  }
  return (one) => {
    const difference = compare(one, value);
    if (difference === undefined) return false;
    if (kind === 'lt') return difference < 0;
    if (kind === 'lte') return difference <= 0;
    return kind === 'gt' ? difference > 0 : difference >= 0;
  };
}

function compare(one: unknown, other: unknown): number | undefined {
  if (typeof one === 'string' && typeof other === 'string') return compareUtf8(one, other);
  const number = one instanceof ExactNumber ? Number(one.text) : one;
  const isNumeric = (value: unknown): value is number | bigint =>
    typeof value === 'number' || typeof value === 'bigint';
  if (!isNumeric(number) || !isNumeric(other)) return undefined;
  return number < other ? -1 : number > other ? 1 : 0;
}

function scalar(field: string, value: unknown): FilterScalar {
  if (isScalar(value)) return value;
  throw refusal(field);
}

/** Undefined above all would silently select everything. */
function refusal(field: string): PannierError {
  return new PannierError(
    'bad-request',
    `filter.${field}: neither string, number, boolean, null nor a list of these, nor comparisons (eq, ne, lt, lte, gt, gte, in, prefix)`,
  );
}

function isScalar(value: unknown): value is FilterScalar {
  if (typeof value === 'number') return !Number.isNaN(value);
  return value === null || ['string', 'boolean', 'bigint'].includes(typeof value);
}

/** Equal integers are equal, whether a double holds them or not. */
function comparable(value: FilterScalar): FilterScalar {
  return typeof value === 'bigint' && BigInt(Number(value)) === value ? Number(value) : value;
}

function valueMessage(value: FilterScalar): ValueInit {
  if (value === null) return { kind: { case: 'nullValue', value: true } };
  if (typeof value === 'string') return { kind: { case: 'stringValue', value } };
  if (typeof value === 'boolean') return { kind: { case: 'boolValue', value } };
  if (typeof value === 'bigint') return integerMessage(value);
  return Number.isSafeInteger(value)
    ? integerMessage(BigInt(value))
    : { kind: { case: 'doubleValue', value } };
}

function integerMessage(value: bigint): ValueInit {
  if (value >= INT64_MIN && value <= INT64_MAX) return { kind: { case: 'intValue', value } };
  throw new PannierError('bad-request', `filter: ${value} has more than 64 bits`);
}
