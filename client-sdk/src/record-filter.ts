/** Equality filters: what the server needs to leave out partitions, and what the client needs to leave out records. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ComparisonOperator } from '@pannier/proto';
import type { FilterSchema, ValueSchema } from '@pannier/proto';
import { PannierError } from './errors.ts';

/** What a field may be compared with. Equal means: of the same type; null is not absent. */
export type FilterScalar = string | number | bigint | boolean | null;

/** Fields and the value that each must have, or the values of which it must have one: `{ country: ['CZ', 'SK'], capital: true }`. */
export type RecordFilter<T = Record<string, unknown>> = {
  readonly [Field in keyof T]?: FilterScalar | readonly FilterScalar[];
};

type FilterInit = Exclude<MessageInitShape<typeof FilterSchema>, { $typeName: string }>;
type ValueInit = Exclude<MessageInitShape<typeof ValueSchema>, { $typeName: string }>;
type Condition = readonly [field: string, values: readonly FilterScalar[], isList: boolean];

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** The filter as the server reads it; undefined when it leaves everything. */
export function filterMessage(filter: RecordFilter): FilterInit | undefined {
  const filters = conditions(filter).map(([field, values, isList]): FilterInit => {
    if (isList) return { kind: { case: 'in', value: { field, values: values.map(valueMessage) } } };
    const value = valueMessage(values[0] ?? null);
    return { kind: { case: 'comparison', value: { field, operator: ComparisonOperator.EQUAL, value } } };
  });
  return filters.length < 2 ? filters[0] : { kind: { case: 'allOf', value: { filters } } };
}

/** Whether a record passes: a partition that the server sends may hold others beside those wanted. */
export function recordMatcher(filter: RecordFilter): (record: unknown) => boolean {
  const wanted = conditions(filter).map(
    ([field, values]) => [field, new Set(values.map(comparable))] as const,
  );
  if (wanted.length === 0) return () => true;
  return (record) => {
    if (typeof record !== 'object' || record === null) return false;
    return wanted.every(([field, values]) => {
      if (!Object.hasOwn(record, field)) return false;
      return values.has(comparable((record as Record<string, FilterScalar>)[field] ?? null));
    });
  };
}

/** @throws PannierError `bad-request` for a value that is no scalar, undefined above all: it would silently select everything */
function conditions(filter: RecordFilter): Condition[] {
  return Object.entries(filter).map(([field, wanted]) => {
    const values: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted];
    if (values.every(isScalar)) return [field, values, Array.isArray(wanted)];
    throw new PannierError(
      'bad-request',
      `filter.${field}: neither string, number, boolean, null nor a list of these`,
    );
  });
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
