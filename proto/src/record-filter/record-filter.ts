/**
 * Conditions on records, as server and clients both answer them: a server filters what it sends, a client what it holds.
 *
 * Equal means: of the same type and value, numbers being of one type; null is a value, and absent is none. Values of different types
 * are neither less nor greater, and NaN is nothing at all. `not` is the plain complement: it takes what is absent. Strings are compared
 * by their UTF-8 bytes. A value that is no record has no fields.
 */
import { compareUtf8 } from '../partition-format/compare-utf8.ts';
import { isRecordObject } from '../partition-format/record-value.ts';
import type { RecordValue } from '../partition-format/record-value.ts';
import { compareNumbers, isNumeric, numberKey } from './number-order.ts';

/** What a field may be compared with. */
export type FilterValue = string | number | bigint | boolean | null;

/** A condition on the value of a field; one that is absent passes none. */
export type FieldCondition =
  | { readonly kind: 'equal'; readonly field: string; readonly value: FilterValue }
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly FilterValue[] }
  | {
      readonly kind: 'less' | 'less-or-equal' | 'greater' | 'greater-or-equal';
      readonly field: string;
      readonly value: FilterValue;
    }
  | { readonly kind: 'prefix'; readonly field: string; readonly prefix: string };

/** A condition, or several as one. */
export type RecordFilter =
  | FieldCondition
  | { readonly kind: 'all' | 'any'; readonly filters: readonly RecordFilter[] }
  | { readonly kind: 'not'; readonly filter: RecordFilter };

/** The answer for one value that a field has. */
export type ValueTest = (value: RecordValue) => boolean;

/** Whether a value passes. */
export function valueTest(condition: FieldCondition): ValueTest {
  if (condition.kind === 'prefix') {
    const prefix = condition.prefix.toWellFormed();
    // A prefix in UTF-8 is one in UTF-16, too: both cut between characters only where the prefix does.
    return (value) => typeof value === 'string' && value.startsWith(prefix);
  }
  if (condition.kind === 'equal' || condition.kind === 'in') {
    const wanted = new Set<unknown>(
      (condition.kind === 'in' ? condition.values : [condition.value]).map(equalityKey),
    );
    // Nothing is equal to NaN, though a set would find it.
    wanted.delete(Number.NaN);
    return (value) => wanted.has(equalityKey(value));
  }
  const { kind } = condition;
  const bound = wellFormed(condition.value);
  return (value) => {
    const difference = compareValues(value, bound);
    if (difference === undefined) return false;
    if (kind === 'less') return difference < 0;
    if (kind === 'less-or-equal') return difference <= 0;
    return kind === 'greater' ? difference > 0 : difference >= 0;
  };
}

/**
 * A filter as a function of rows of any kind.
 *
 * @param leaf the answer to a condition on a field
 */
export function filterTest<Row>(
  filter: RecordFilter,
  leaf: (condition: FieldCondition) => (row: Row) => boolean,
): (row: Row) => boolean {
  if ('filters' in filter) {
    const tests = filter.filters.map((inner) => filterTest(inner, leaf));
    if (filter.kind === 'all') return (row) => tests.every((test) => test(row));
    return (row) => tests.some((test) => test(row));
  }
  if (filter.kind !== 'not') return leaf(filter);
  const test = filterTest(filter.filter, leaf);
  return (row) => !test(row);
}

/** Whether a record passes. */
export function recordTest(filter: RecordFilter): (record: unknown) => boolean {
  return filterTest(filter, (condition) => {
    const { field } = condition;
    const test = valueTest(condition);
    return (record) => {
      const value = isRecordObject(record) && Object.hasOwn(record, field) ? record[field] : undefined;
      return value !== undefined && test(value);
    };
  });
}

/** Equal for equal scalars. An object is equal to nothing that a filter can name. */
function equalityKey(value: RecordValue): unknown {
  return isNumeric(value) ? numberKey(value) : wellFormed(value);
}

function compareValues(value: RecordValue, bound: FilterValue): number | undefined {
  if (typeof value === 'string') return typeof bound === 'string' ? compareUtf8(value, bound) : undefined;
  return isNumeric(value) && isNumeric(bound) ? compareNumbers(value, bound) : undefined;
}

/** Strings of records have no unpaired surrogates. */
function wellFormed<T>(value: T): T | string {
  return typeof value === 'string' && !value.isWellFormed() ? value.toWellFormed() : value;
}
