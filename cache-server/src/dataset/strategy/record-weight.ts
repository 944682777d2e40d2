/**
 * What a record weighs: about its length as MessagePack without field names, told by its content alone and told fast. What is short in bytes but
 * not in memory weighs more, for the weight bounds both: a quarter of its place in memory, pointers and headers included.
 */
import type { RecordValue } from '@pannier/proto/partition-format';

const NUMBER_BYTES = 9;
/** A boolean or null: one byte, and a pointer in a growing column. */
const LITERAL_BYTES = 3;
/** The record itself leaves only its values; a list or an object within it stays one, with its names or its length. */
const RECORD_BYTES = 3;
const NESTED_BYTES = 12;
/** Deeper values weigh nothing more; no real record nests so far. */
const DEPTH_MAX = 64;

/** Bytes, an estimate: strings count one for each UTF-16 unit. */
export function recordWeight(record: RecordValue): number {
  return weightOf(record, 0);
}

function weightOf(value: RecordValue | undefined, depth: number): number {
  switch (typeof value) {
    case 'string':
      return value.length + 3;
    case 'number':
    case 'bigint':
      return NUMBER_BYTES;
    case 'object':
      break;
    default:
      return LITERAL_BYTES;
  }
  if (value === null || depth > DEPTH_MAX) return LITERAL_BYTES;
  let weight = depth === 0 ? RECORD_BYTES : NESTED_BYTES;
  if (Array.isArray(value)) {
    for (const item of value) weight += weightOf(item as RecordValue, depth + 1);
    return weight;
  }
  if (value instanceof Uint8Array) return value.byteLength + 3;
  const fields = value as Readonly<Record<string, RecordValue>>;
  for (const name of Object.keys(fields)) weight += weightOf(fields[name], depth + 1);
  return weight;
}
