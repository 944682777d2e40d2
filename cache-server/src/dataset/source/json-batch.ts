/** Many records parsed at once; one that is malformed is named. */
import { isUtf8 } from 'node:buffer';
import { numberFromText } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { splitValues } from './json-values.ts';

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

const keepNumber: Reviver = function keepNumber(...[, value, { source }]) {
  return typeof value === 'number' && source !== undefined ? numberFromText(source) : value;
};

/** Up to 15 digits survive a double whatever they are, unless their exponent is large. */
const SAFE_DIGITS = 15;
const LARGE_EXPONENT = /\d[eE][+-]?\d{3}/;

/** Whether a text may hold a number that a double cannot. Looks at one character in fifteen: a longer run cannot hide between them. */
function isDelicate(text: string): boolean {
  for (let at = SAFE_DIGITS - 1; at < text.length; at += SAFE_DIGITS) {
    if (isDigit(text.charCodeAt(at)) && runAround(text, at) > SAFE_DIGITS) return true;
  }
  return LARGE_EXPONENT.test(text);
}

function isDigit(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2e;
}

function runAround(text: string, at: number): number {
  let from = at;
  let to = at;
  while (from > 0 && isDigit(text.charCodeAt(from - 1))) from -= 1;
  while (isDigit(text.charCodeAt(to + 1))) to += 1;
  return to - from + 1;
}

/** Parses JSON; a number that a double cannot hold is kept exactly. */
export function parseJson(text: string): RecordValue {
  const delicate = isDelicate(text);
  // TypeScript's library lags behind V8 here: a reviver is told the number's own text.
  return JSON.parse(
    text,
    delicate ? (keepNumber as Parameters<typeof JSON.parse>[1]) : undefined,
  ) as RecordValue;
}

/** Where a batch stands in its document. */
export interface BatchPlace {
  /** Number of its first record, counted from 1. */
  readonly first: number;
  /** Position of its first byte. */
  readonly offset: number;
}

/**
 * The values between commas, as in an array without its brackets.
 *
 * @throws DatasetError `bad-document` naming the first record that is malformed
 */
export function parseBatch(bytes: Buffer, place: BatchPlace): RecordValue[] {
  if (!isUtf8(bytes)) throw firstMalformed(bytes, place);
  try {
    return parseJson(`[${bytes.toString('utf8')}]`) as RecordValue[];
  } catch {
    // Which one it is, is found by parsing them one by one.
    throw firstMalformed(bytes, place);
  }
}

/** The same for a batch that may be none; undefined then. */
export function tryBatch(bytes: Buffer): RecordValue[] | undefined {
  if (!isUtf8(bytes)) return undefined;
  try {
    return parseJson(`[${bytes.toString('utf8')}]`) as RecordValue[];
  } catch {
    // A guess that was wrong: the caller looks closer.
    return undefined;
  }
}

function firstMalformed(bytes: Buffer, { first, offset }: BatchPlace): DatasetError {
  let number = first;
  for (const { from, to } of splitValues(bytes)) {
    const record = bytes.subarray(from, to);
    const where = `malformed JSON in record ${number}, at byte ${offset + from}`;
    if (!isUtf8(record)) return new DatasetError('bad-document', `${where}: it is not UTF-8`);
    try {
      JSON.parse(record.toString('utf8'));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      return new DatasetError('bad-document', `${where}: ${why}`, { cause });
    }
    number += 1;
  }
  return new DatasetError('bad-document', `malformed JSON between records ${first} and ${number}`);
}
