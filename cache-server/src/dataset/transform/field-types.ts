/** `types`: fields whose text is read as another type, each record changed in place. */
import { ExactNumber, numberFromText } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { parseIsoTime } from '../strategy/iso-time.ts';

/** What a field can be made. */
export type FieldTypeName = 'number' | 'integer' | 'boolean' | 'string' | 'timestamp';

type Coercion = (value: RecordValue) => RecordValue | undefined;

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
]);

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

const COERCIONS: Readonly<Record<FieldTypeName, Coercion>> = {
  number: (value) =>
    typeof value === 'string' ? numberOf(value.trim()) : isNumber(value) ? value : undefined,
  integer: (value) => {
    const number = typeof value === 'string' ? numberOf(value.trim()) : value;
    return number !== undefined && isInteger(number) ? number : undefined;
  },
  boolean: (value) => {
    if (typeof value === 'boolean') return value;
    const text = typeof value === 'number' ? String(value) : value;
    return typeof text === 'string' ? BOOLEANS.get(text.trim().toLowerCase()) : undefined;
  },
  string: (value) => {
    if (typeof value === 'string') return value;
    return typeof value === 'object' && !(value instanceof ExactNumber) ? undefined : String(value);
  },
  timestamp: (value) => {
    if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
    return typeof value === 'string' ? parseIsoTime(value)?.ms : undefined;
  },
};

function isNumber(value: RecordValue): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof ExactNumber;
}

function isInteger(value: RecordValue): boolean {
  if (value instanceof ExactNumber) return /^-?\d+$/.test(value.text);
  return typeof value === 'bigint' || Number.isInteger(value);
}

function numberOf(text: string): RecordValue | undefined {
  return NUMBER.test(text) ? numberFromText(text.replace(/^\+/, '')) : undefined;
}

/** Changes a record; the name of the first field that cannot be read so, undefined when all can. Absent and null stay what they are, '' becomes null. */
export function coerceFields(
  record: RecordValue,
  types: readonly (readonly [string, FieldTypeName])[],
): string | undefined {
  if (typeof record !== 'object' || record === null) return undefined;
  const fields = record as Record<string, RecordValue>;
  for (const [name, type] of types) {
    const value = fields[name];
    // A function is what objects inherit under such a name; no record has one.
    if (value === undefined || value === null || typeof value === 'function') continue;
    if (value === '' && type !== 'string') {
      fields[name] = null;
      continue;
    }
    const coerced = COERCIONS[type](value);
    if (coerced === undefined) return name;
    fields[name] = coerced;
  }
  return undefined;
}
