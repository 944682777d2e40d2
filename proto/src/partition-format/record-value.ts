import { ExactNumber, exactInteger } from './exact-number.ts';
import { PartitionFormatError } from './partition-format-error.ts';

/**
 * What a record, or a field of one, may be: JSON's values, and beside them `bigint` (integers of 64 bits that a double
 * cannot hold), `ExactNumber` (every other number that a double cannot hold) and binary.
 */
export type RecordValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | ExactNumber
  | Uint8Array
  | readonly RecordValue[]
  | { readonly [field: string]: RecordValue };

/** A record proper: an object of named fields. */
export type RecordObject = { readonly [field: string]: RecordValue };

/** Whether the value is an object of named fields, and not null, an array, binary, an exact number or a class's. */
export function isRecordObject(value: unknown): value is RecordObject {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * The form of a value in which every decoder reads back what went in, and equal values have equal bytes:
 * integers beyond 32 bits become 64-bit integers instead of float64, integers beyond 64 bits become `ExactNumber`,
 * unpaired surrogates become U+FFFD (MessagePack strings are UTF-8), undefined fields are left out.
 * Returns the value itself where nothing has to change.
 *
 * @throws PartitionFormatError `unencodable`
 */
export function canonicalValue(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? value : value.toWellFormed();
    case 'number':
      return canonicalNumber(value);
    case 'bigint': {
      const integer = exactInteger(value);
      return typeof integer === 'number' ? canonicalNumber(integer) : integer;
    }
    case 'boolean':
    case 'undefined':
      return value;
    case 'object':
      return value === null ? value : canonicalObject(value);
    default:
      throw new PartitionFormatError('unencodable', `a record cannot hold a ${typeof value}`);
  }
}

/** Field names obey the rule of strings; `__proto__` is refused, for no decoder may assign it and other ones throw. */
export function canonicalFieldName(name: string): string {
  if (name === '__proto__')
    throw new PartitionFormatError('unencodable', 'a field cannot be called __proto__');
  return name.isWellFormed() ? name : name.toWellFormed();
}

/**
 * A column as it is written, for columns that were read: there a 64-bit integer that a double holds is a number again, at
 * any depth. Everything else a decoder gives in its canonical form. Returns the column itself where nothing has to change.
 */
export function canonicalColumn(column: readonly RecordValue[]): readonly unknown[] {
  return holdsWideInteger(column) ? column.map(canonicalValue) : column;
}

function holdsWideInteger(values: readonly RecordValue[]): boolean {
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at];
    if (typeof value === 'string') continue;
    if (typeof value === 'number') {
      if (isWideInteger(value)) return true;
    } else if (typeof value === 'object' && value !== null) {
      const inner = Array.isArray(value) ? value : isRecordObject(value) ? Object.values(value) : [];
      if (holdsWideInteger(inner)) return true;
    }
  }
  return false;
}

/** msgpackr writes integers beyond 32 bits as float64, and a foreign reader would see 1700000000000.0. */
function isWideInteger(value: number): boolean {
  return (value > 0xffff_ffff || value < -0x8000_0000) && Number.isSafeInteger(value);
}

function canonicalNumber(value: number): unknown {
  return isWideInteger(value) ? BigInt(value) : value;
}

function canonicalObject(value: object): unknown {
  if (Array.isArray(value)) return canonicalArray(value);
  if (isRecordObject(value)) return canonicalRecord(value);
  if (value instanceof ExactNumber || value instanceof Uint8Array) return value;
  throw new PartitionFormatError('unencodable', `a record cannot hold a ${value.constructor.name}`);
}

function canonicalArray(values: readonly unknown[]): readonly unknown[] {
  const changed = values.map(canonicalValue);
  return changed.every((value, index) => Object.is(value, values[index])) ? values : changed;
}

function canonicalRecord(record: RecordObject): unknown {
  let changed = false;
  const fields: [string, unknown][] = [];
  for (const name of Object.keys(record)) {
    const before: unknown = record[name];
    const field: [string, unknown] = [canonicalFieldName(name), canonicalValue(before)];
    changed ||= field[0] !== name || !Object.is(field[1], before) || before === undefined;
    if (before !== undefined) fields.push(field);
  }
  return changed ? Object.fromEntries(fields) : record;
}
