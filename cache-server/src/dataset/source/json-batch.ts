/** Many JSON values parsed at once; one that is malformed is named. */
import { isUtf8 } from 'node:buffer';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { parseExactly } from './exact-json.ts';
import { keepWrittenOrder } from './written-order.ts';
import { ValueScanner } from './value-scanner.ts';

/** Where a batch stands in its document. */
export interface BatchPlace {
  /** Number of its first record, counted from 1. */
  readonly first: number;
  /** Position of its first byte. */
  readonly offset: number;
  /** Whether there may be a number in it that a double cannot hold. */
  readonly isDelicate: boolean;
}

const COMMA = 0x2c;
/**
 * V8 interns every short string that it parses from a text of one byte a character, as most are, and that takes as long as the rest of the
 * parsing; not so from a text of two. One such character in front makes it one.
 */
const WIDENING = '"\u0100"';
/** Names that only an attacker spells with escapes. */
const ESCAPED_PROTO = /\\u00(?:5f|7[024]|6f)/i;

/**
 * The values between commas, as in an array without its brackets.
 *
 * @throws DatasetError `bad-document` naming the first record that is malformed, or that has a field `__proto__`
 */
export function parseBatch(bytes: Buffer, place: BatchPlace): RecordValue[] {
  if (!isUtf8(bytes)) throw firstMalformed(bytes, place);
  const text = bytes.toString('utf8');
  let records: RecordValue[];
  try {
    const list = `[${WIDENING},${text}]`;
    records = (place.isDelicate ? parseExactly(list) : JSON.parse(list)) as RecordValue[];
    records.shift();
  } catch {
    // Which one it is, is found by parsing them one by one.
    throw firstMalformed(bytes, place);
  }
  if (text.includes('__proto__') || (text.includes(String.raw`\u00`) && ESCAPED_PROTO.test(text)))
    refuseProto(records, place);
  keepWrittenOrder(records, text);
  return records;
}

/** No decoder may assign such a field, and no partition can hold it: refused while its record has a number. */
function refuseProto(records: readonly RecordValue[], { first }: BatchPlace): void {
  for (const [at, record] of records.entries()) {
    if (!hasProto(record)) continue;
    throw new DatasetError('bad-document', `record ${first + at}: a field cannot be called __proto__`);
  }
}

function hasProto(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(hasProto);
}

function firstMalformed(bytes: Buffer, { first, offset }: BatchPlace): DatasetError {
  const scanner = new ValueScanner('commas');
  let number = first;
  for (let from = 0; from <= bytes.length; number += 1) {
    let to = scanner.seek(bytes, from);
    while (to < bytes.length && bytes[to] !== COMMA) to = scanner.seek(bytes, to + 1);
    const why = malformation(bytes.subarray(from, to));
    if (why !== undefined) {
      const where = `malformed JSON in record ${number}, at byte ${offset + from}`;
      return new DatasetError('bad-document', `${where}: ${why.message}`, { cause: why });
    }
    from = to + 1;
  }
  return new DatasetError('bad-document', `malformed JSON between records ${first} and ${number - 1}`);
}

function malformation(value: Buffer): Error | undefined {
  if (!isUtf8(value)) return new Error('it is not UTF-8');
  const text = value.toString('utf8');
  if (text.trim() === '') return new Error('nothing stands there');
  try {
    JSON.parse(text);
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause));
  }
}
