/** Filters as programs write them, and as the one definition of filters knows them; what a client holds it filters itself. */
import { recordTest } from '@pannier/proto/partition-format';
import type { RecordFilter as PlainFilter } from '@pannier/proto/partition-format';
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

// The fields come from where the filter is used, or from `anyOf<City>`: the first of several filters has seldom all of them.

/** Every filter must pass. */
export function allOf<T = Record<string, unknown>>(
  ...filters: readonly RecordFilter<NoInfer<T>>[]
): CombinedFilter<T> {
  return new CombinedFilter('allOf', filters);
}

/** At least one filter must pass. */
export function anyOf<T = Record<string, unknown>>(
  ...filters: readonly RecordFilter<NoInfer<T>>[]
): CombinedFilter<T> {
  return new CombinedFilter('anyOf', filters);
}

/** The opposite: it also takes records that lack the field. */
export function not<T = Record<string, unknown>>(filter: RecordFilter<NoInfer<T>>): CombinedFilter<T> {
  return new CombinedFilter('not', [filter]);
}

/** How comparisons are called there; `ne` is the complement of one. */
const ORDERS = { lt: 'less', lte: 'less-or-equal', gt: 'greater', gte: 'greater-or-equal' } as const;

/** Whether a record passes. @throws PannierError `bad-request` */
export function recordMatcher(filter: RecordFilter): (record: unknown) => boolean {
  const plain = plainFilter(filter);
  return plain === undefined ? () => true : recordTest(plain);
}

/** The filter without the forms that only its writer needs; undefined when it leaves everything. @throws PannierError `bad-request` */
export function plainFilter(filter: RecordFilter): PlainFilter | undefined {
  const filters = partsOf(filter);
  return filters.length < 2 ? filters[0] : { kind: 'all', filters };
}

/** Conditions all of which must hold. */
function partsOf(filter: RecordFilter): PlainFilter[] {
  if (!(filter instanceof CombinedFilter))
    return Object.entries(filter).flatMap(([field, condition]) => fieldParts(field, condition));
  if (filter.kind === 'allOf') return filter.filters.flatMap(partsOf);
  const filters = filter.filters.map((one): PlainFilter => plainFilter(one) ?? { kind: 'all', filters: [] });
  if (filter.kind === 'anyOf') return [{ kind: 'any', filters }];
  return filters.map((one) => ({ kind: 'not', filter: one }));
}

function fieldParts(field: string, condition: unknown): PlainFilter[] {
  if (Array.isArray(condition)) return [{ kind: 'in', field, values: scalars(field, condition) }];
  if (typeof condition !== 'object' || condition === null)
    return [{ kind: 'equal', field, value: scalar(field, condition) }];
  const comparisons = Object.entries(condition);
  if (comparisons.length === 0) throw refusal(field);
  return comparisons.map(([kind, value]): PlainFilter => {
    if (kind === 'in' && Array.isArray(value)) return { kind, field, values: scalars(field, value) };
    if (kind === 'prefix' && typeof value === 'string') return { kind, field, prefix: value };
    if (kind === 'eq') return { kind: 'equal', field, value: scalar(field, value) };
    if (kind === 'ne') return { kind: 'not', filter: { kind: 'equal', field, value: scalar(field, value) } };
    // What an object inherits is no operator.
    if (!Object.hasOwn(ORDERS, kind)) throw refusal(field);
    return { kind: ORDERS[kind as keyof typeof ORDERS], field, value: scalar(field, value) };
  });
}

function scalars(field: string, values: readonly unknown[]): FilterScalar[] {
  return values.map((value) => scalar(field, value));
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
