/** What a record weighs: about its length as MessagePack without field names, told by its content alone and told fast. */
import type { RecordValue } from '@pannier/proto/partition-format';

const NUMBER_BYTES = 9;
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
      return 1;
  }
  if (value === null || depth > DEPTH_MAX) return 1;
  let weight = 3;
  if (Array.isArray(value)) {
    for (const item of value) weight += weightOf(item as RecordValue, depth + 1);
    return weight;
  }
  if (value instanceof Uint8Array) return value.byteLength + 3;
  const fields = value as Readonly<Record<string, RecordValue>>;
  for (const name of Object.keys(fields)) weight += weightOf(fields[name], depth + 1);
  return weight;
}
