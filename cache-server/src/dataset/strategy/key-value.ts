/** The values by which records are told apart, and the names that partitions get from them. */
import { ExactNumber } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import type { KeyValue } from './strategy.ts';

/** Name of the partition of records that lack the field. */
export const MISSING = 'missing';

/** A field's raw value; undefined where it is absent, or the record has no fields. */
export function fieldValue(record: RecordValue, field: string): RecordValue | undefined {
  if (typeof record !== 'object' || record === null || !Object.hasOwn(record, field)) return undefined;
  return (record as Record<string, RecordValue>)[field];
}

/** A field's value as a key: what is no scalar stands as its JSON text. */
export function keyValue(record: RecordValue, field: string): KeyValue {
  const value = fieldValue(record, field);
  switch (typeof value) {
    case 'undefined':
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return value;
    default:
      return value === null ? null : scalarText(value);
  }
}

function scalarText(value: object): string {
  if (value instanceof ExactNumber) return value.text;
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'bigint' ? String(inner) : inner,
  );
}

/** Whether a text could be taken for another kind of value, or for several levels. */
const NEEDS_QUOTES = /^(?:null|missing|true|false|-?\d.*|"[^]*|)$|[/~]|\p{Cc}/u;

/** A name for people that no other key has: a text that could be taken for another kind of value stands in quotes. */
export function nameOf(value: KeyValue): string {
  if (value === undefined) return MISSING;
  if (typeof value !== 'string') return String(value);
  if (!NEEDS_QUOTES.test(value)) return value;
  return JSON.stringify(value)
    .replaceAll('/', String.raw`\u002f`)
    .replaceAll('~', String.raw`\u007e`);
}
