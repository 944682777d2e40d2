/** Filters as the server reads them. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ComparisonOperator } from '@pannier/proto';
import type { FilterSchema, ValueSchema } from '@pannier/proto';
import type { FilterValue, RecordFilter as PlainFilter } from '@pannier/proto/partition-format';
import { PannierError } from './errors.ts';

type FilterInit = Exclude<MessageInitShape<typeof FilterSchema>, { $typeName: string }>;
type ValueInit = Exclude<MessageInitShape<typeof ValueSchema>, { $typeName: string }>;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

const OPERATORS = {
  equal: ComparisonOperator.EQUAL,
  less: ComparisonOperator.LESS,
  'less-or-equal': ComparisonOperator.LESS_OR_EQUAL,
  greater: ComparisonOperator.GREATER,
  'greater-or-equal': ComparisonOperator.GREATER_OR_EQUAL,
} as const;

/** @throws PannierError `bad-request` for an integer that has no place in a message */
export function filterMessage(filter: PlainFilter): FilterInit {
  switch (filter.kind) {
    case 'all':
    case 'any': {
      const value = { filters: filter.filters.map(filterMessage) };
      return { kind: filter.kind === 'all' ? { case: 'allOf', value } : { case: 'anyOf', value } };
    }
    case 'not':
      return { kind: { case: 'not', value: filterMessage(filter.filter) } };
    case 'in': {
      const { field, values } = filter;
      return { kind: { case: 'in', value: { field, values: values.map(valueMessage) } } };
    }
    case 'prefix':
      return { kind: { case: 'prefix', value: { field: filter.field, prefix: filter.prefix } } };
    default: {
      const { kind, field, value } = filter;
      const comparison = { field, operator: OPERATORS[kind], value: valueMessage(value) };
      return { kind: { case: 'comparison', value: comparison } };
    }
  }
}

function valueMessage(value: FilterValue): ValueInit {
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
