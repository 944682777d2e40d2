/** `--where`: conditions as they are typed, and what to say when none of them can hold. */
import { ConfigError } from '@pannier/runtime';
import type { DatasetDescription, FilterScalar } from '../index.ts';
import { visible } from './terminal.ts';

/** Values by field; one of each must fit. */
export type Where = Readonly<Record<string, readonly FilterScalar[]>>;

/** `country=CZ` and `people:=400000`; values of one field are alternatives. @throws ConfigError */
export function filterOf(where: readonly string[]): Where {
  const filter = new Map<string, FilterScalar[]>();
  for (const condition of where) {
    const [, field, isJson, text] = /^([^=:]+)(:?)=(.*)$/s.exec(condition) ?? [];
    if (field === undefined || text === undefined) {
      throw new ConfigError(`--where ${condition}: want field=text or field:=json`);
    }
    const value = isJson === ':' ? jsonScalar(condition, text) : text;
    filter.set(field, [...(filter.get(field) ?? []), value]);
  }
  return Object.fromEntries(filter);
}

function jsonScalar(condition: string, text: string): FilterScalar {
  if (/^-?\d+$/.test(text)) {
    const exact = BigInt(text);
    return BigInt(Number(exact)) === exact ? Number(exact) : exact;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value))
      return value as FilterScalar;
  } catch (cause) {
    throw new ConfigError(`--where ${condition}: what stands after := is not JSON`, { cause });
  }
  throw new ConfigError(`--where ${condition}: want a number, a string, true, false or null after :=`);
}

/**
 * A value is equal only to one of its own type: `lat=50` asks for a text, `lat:=50` for a number. One line for each field that no value
 * asked for can be equal to, whatever the records hold.
 */
export function typeWarnings(where: Where, { fields }: Pick<DatasetDescription, 'fields'>): string[] {
  return Object.entries(where).flatMap(([name, values]) => {
    const types = fields.find((field) => field.name === name)?.types;
    const [value] = values;
    if (types === undefined || value === undefined || values.some((one) => types.some(canBe(one)))) return [];
    const found = `${visible(name)} is ${types.join(' or ')} here, and what was asked for is ${typeOf(value)}`;
    const better = otherWriting(name, value, types);
    return [`pannier: ${found}${better === undefined ? '' : `: try --where ${visible(better)}`}`];
  });
}

function typeOf(value: FilterScalar): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return 'a string (field:=JSON asks for other types)';
  return typeof value === 'boolean' ? 'a boolean' : 'a number';
}

function canBe(value: FilterScalar): (type: string) => boolean {
  if (value === null) return (type) => type === 'null';
  if (typeof value === 'number' || typeof value === 'bigint')
    return (type) => type === 'number' || type === 'integer';
  return (type) => type === typeof value;
}

/** The same text as the type that the field has. */
function otherWriting(name: string, value: FilterScalar, types: readonly string[]): string | undefined {
  const text = String(value);
  if (typeof value !== 'string') return types.includes('string') ? `${name}=${text}` : undefined;
  const isNumber = /^-?\d+(?:\.\d+)?$/.test(text) && types.some(canBe(0));
  const isWord =
    (text === 'null' || text === 'true' || text === 'false') &&
    types.some(canBe(JSON.parse(text) as FilterScalar));
  return isNumber || isWord ? `${name}:=${text}` : undefined;
}
