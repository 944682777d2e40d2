/** Cuts records by the value of one or several fields. Partitions depend on the records alone, so that an unchanged one keeps its digest. */
import { numberFromText } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';

/** A scalar by which records are told apart; undefined where the field is absent. */
export type KeyValue = string | number | bigint | boolean | null | undefined;

/** The records of one partition, in the order of the document. */
export interface FieldPartition {
  readonly name: string;
  readonly key: readonly KeyValue[];
  readonly records: RecordValue[];
}

/** Numbers that may lose digits as doubles: long ones, and those with large exponents. */
const DELICATE_NUMBER = /[\d.]{16}|[eE][+-]?\d{3}/;

type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

const keepNumber: Reviver = function keepNumber(...[, value, { source }]) {
  return typeof value === 'number' && source !== undefined ? numberFromText(source) : value;
};

/** Parses one record; a number that a double cannot hold is kept exactly. @throws SyntaxError */
export function parseRecord(bytes: Buffer): RecordValue {
  const text = bytes.toString('utf8');
  if (!DELICATE_NUMBER.test(text)) return JSON.parse(text) as RecordValue;
  return JSON.parse(text, keepNumber as Parameters<typeof JSON.parse>[1]) as RecordValue;
}

function keyValue(record: RecordValue, field: string): KeyValue {
  if (typeof record !== 'object' || record === null || !Object.hasOwn(record, field)) return undefined;
  const value = (record as Record<string, unknown>)[field];
  if (value === null) return null;
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
    case 'boolean':
      return value;
    default:
      return JSON.stringify(value);
  }
}

/** A name for people that no other key has: a text that could be taken for another kind of value stands in quotes. */
function nameOf(value: KeyValue): string {
  if (value === undefined) return 'missing';
  if (typeof value !== 'string') return String(value);
  const isPlain = !/^(?:null|missing|true|false|-?\d.*|"[^]*|)$/.test(value) && !/[/\p{Cc}]/u.test(value);
  return isPlain ? value : JSON.stringify(value).replaceAll('/', String.raw`\u002f`);
}

/** Groups records by their fields. */
export class FieldPartitioner {
  readonly #fields: readonly string[];
  readonly #partitions = new Map<string, FieldPartition>();

  constructor(fields: readonly string[]) {
    this.#fields = fields;
  }

  get size(): number {
    return this.#partitions.size;
  }

  add(record: RecordValue): void {
    const key = this.#fields.map((field) => keyValue(record, field));
    const name = key.map(nameOf).join('/');
    const known = this.#partitions.get(name);
    if (known === undefined) this.#partitions.set(name, { name, key, records: [record] });
    else known.records.push(record);
  }

  /** In the order of their names, by UTF-8 bytes. */
  partitions(): FieldPartition[] {
    return [...this.#partitions.values()].toSorted((one, other) =>
      Buffer.compare(Buffer.from(one.name), Buffer.from(other.name)),
    );
  }
}

/** What was seen of one field. */
export interface FieldSeen {
  readonly name: string;
  readonly types: string[];
  present: number;
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

/** Collects the fields of records, in the order of their first appearance. */
export class FieldCensus {
  readonly #fields = new Map<string, FieldSeen>();

  add(record: RecordValue): void {
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return;
    for (const [name, value] of Object.entries(record)) {
      const seen = this.#fields.get(name) ?? { name, types: [], present: 0 };
      this.#fields.set(name, seen);
      seen.present += 1;
      const type = typeOf(value);
      if (!seen.types.includes(type)) seen.types.push(type);
    }
  }

  fields(): FieldSeen[] {
    return [...this.#fields.values()];
  }
}
