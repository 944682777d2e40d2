/** `types`: fields whose text is read as another type, each record changed in place. */
import { numberFromText } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';

/** What a field can be made. */
export type FieldTypeName = 'number' | 'integer' | 'boolean' | 'string' | 'timestamp';

type Coercion = (value: RecordValue) => RecordValue | undefined;

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

const COERCIONS: Readonly<Record<FieldTypeName, Coercion>> = {
  number: (value) =>
    typeof value === 'string' ? numberOf(value.trim()) : isNumber(value) ? value : undefined,
  integer: (value) => {
    const number = typeof value === 'string' ? numberOf(value.trim()) : value;
    if (typeof number === 'bigint') return number;
    return typeof number === 'number' && Number.isInteger(number) ? number : undefined;
  },
  boolean: (value) => {
    if (typeof value === 'boolean') return value;
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text !== 'string') return undefined;
    return { true: true, '1': true, yes: true, false: false, '0': false, no: false }[
      text.trim().toLowerCase()
    ];
  },
  string: (value) => {
    if (typeof value === 'string') return value;
    return typeof value === 'object' ? undefined : String(value);
  },
  timestamp: (value) => {
    if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
    const ms = typeof value === 'string' && /^\d{4}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
    return Number.isNaN(ms) ? undefined : ms;
  },
};

function isNumber(value: RecordValue): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

function numberOf(text: string): RecordValue | undefined {
  return NUMBER.test(text) ? numberFromText(text.replace(/^\+/, '')) : undefined;
}

/** Changes a record; the name of the first field that cannot be read so, undefined when all can. Null, absent and '' stay absent of meaning: null. */
export function coerceFields(
  record: RecordValue,
  types: readonly (readonly [string, FieldTypeName])[],
): string | undefined {
  if (typeof record !== 'object' || record === null) return undefined;
  const fields = record as Record<string, RecordValue>;
  for (const [name, type] of types) {
    const value = fields[name];
    if (value === undefined || value === null) continue;
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
