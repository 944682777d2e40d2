/** What the query of a request to a dataset asks for. `filter`, `fields` and `limit` are words of the query; any other name is a field. */
import { allOf } from '@pannier/client/datasets';
import type { DescriptionRead, FilterScalar, RecordFilter } from '@pannier/client/datasets';
import { ExactNumber, numberFromText } from '@pannier/proto/partition-format';
import { ProxyError } from './errors.ts';

/** Head of a description: its fields are what a query may name. */
export type QueriedDataset = Pick<DescriptionRead['head'], 'dataset' | 'fields'>;

/** Words of the query. */
const FILTER = 'filter';
const FIELDS = 'fields';
const LIMIT = 'limit';
const WORDS: ReadonlySet<string> = new Set([FILTER, FIELDS, LIMIT]);
/** Fields that a refusal names. */
const FIELDS_NAMED_MAX = 50;

/** Conditions by name, repeated ones being any of, and filters; all must hold. @throws ProxyError `bad-request` */
export function filterOf(query: URLSearchParams, dataset: QueriedDataset): RecordFilter {
  const filters = query.getAll(FILTER).map(parsedFilter);
  const byName = namesOf(query).map((name): RecordFilter => {
    const types = typesOf(name, dataset);
    return { [name]: query.getAll(name).flatMap((text) => meanings(name, text, types)) };
  });
  return allOf(...filters, ...byName);
}

/** Names that are no words of the query. */
export function namesOf(query: URLSearchParams): string[] {
  return [...new Set(query.keys())].filter((name) => !WORDS.has(name));
}

/** The fields that are wanted; undefined for all. @throws ProxyError `bad-request` for one that there is not */
export function fieldsOf(query: URLSearchParams, dataset: QueriedDataset): string[] | undefined {
  if (!query.has(FIELDS)) return undefined;
  const fields = query.getAll(FIELDS).flatMap((list) => list.split(','));
  for (const field of fields) typesOf(field, dataset);
  return fields;
}

/** How many records are wanted. @throws ProxyError `bad-request` */
export function limitOf(query: URLSearchParams): number {
  const [text, ...more] = query.getAll(LIMIT);
  if (text === undefined) return Infinity;
  if (/^\d{1,9}$/.test(text) && more.length === 0) return Number(text);
  const told = JSON.stringify([text, ...more].join(', ').slice(0, 20));
  throw new ProxyError('bad-request', `limit: want one whole number, not ${told}`);
}

/** What a field holds says what a text may stand for. */
function typesOf(name: string, { dataset, fields }: QueriedDataset): readonly string[] {
  const field = fields.find((one) => one.name === name);
  if (field !== undefined) return field.types;
  const more = fields.length > FIELDS_NAMED_MAX ? ` and ${fields.length - FIELDS_NAMED_MAX} more` : '';
  const known = fields.slice(0, FIELDS_NAMED_MAX).map((one) => one.name);
  throw new ProxyError(
    'bad-request',
    `dataset ${dataset} has no field ${JSON.stringify(name)}; its fields are: ${known.join(', ')}${more}`,
  );
}

function parsedFilter(text: string): RecordFilter {
  let value: unknown;
  try {
    value = JSON.parse(text, exactly);
  } catch (cause) {
    throw new ProxyError('bad-request', 'filter: it is not JSON', { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber))
    return value;
  throw new ProxyError('bad-request', 'filter: want a JSON object such as {"lat": {"gte": 50}}');
}

/** A reviver that keeps every digit: JSON.parse tells it a number's own text, which TypeScript's library does not know yet. */
function exactly(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' && context?.source !== undefined ? numberFromText(context.source) : value;
}

function meanings(name: string, text: string, types: readonly string[]): FilterScalar[] {
  const found: FilterScalar[] = types.includes('string') ? [text] : [];
  const isNumber = types.includes('integer') || types.includes('number');
  if (isNumber && /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text)) {
    const number = numberFromText(text);
    if (number instanceof ExactNumber)
      throw new ProxyError(
        'bad-request',
        `${name}: ${text.slice(0, 40)} has more digits than a filter can hold`,
      );
    found.push(number);
  }
  if (types.includes('boolean') && /^(?:true|false)$/.test(text)) found.push(text === 'true');
  if (types.includes('null') && text === 'null') found.push(null);
  return found.length === 0 ? [text] : found;
}
