import type { z } from 'zod';
import { describeAllowed } from './allowed-value.ts';
import { isLayer } from './layer.ts';
import type { Layer } from './layer.ts';
import { nearestName } from './nearest-name.ts';

/** The strategies by name, each a schema of one key of that name. */
export type Strategies = Readonly<Record<string, z.ZodObject>>;

/** One of each, as a person would write it. */
const EXAMPLES: Readonly<Record<string, string>> = {
  field: '{field: country}',
  predicate: '{predicate: {big: "people > 1000000"}}',
  chunk: '{chunk: {records: 5000}}',
  hash: '{hash: {field: id, buckets: 64}}',
  date: '{date: {field: at, unit: day}}',
  custom: '{custom: {module: ./cut.mjs}}',
  range: '{range: {field: lat, width: 10}}',
  unique: '[{unique: {field: id}}, {field: country}]',
};

/**
 * What is allowed where `partitionBy` fits no strategy; reads on after "expected". A union's own words would only tell that nothing
 * fitted: here the strategy that was meant is the one whose name stands there.
 */
export function describeStrategies(input: unknown, strategies: Strategies): string {
  const names = Object.keys(strategies);
  const all = `one of the strategies ${names.join(', ')}, such as ${EXAMPLES['field']}`;
  if (Array.isArray(input)) {
    const refused = input.findIndex((level) => levelRefusal(level, strategies) !== undefined);
    return refused === -1 ? all : `at [${refused}] ${levelRefusal(input[refused], strategies) ?? all}`;
  }
  return levelRefusal(input, strategies) ?? all;
}

/** undefined for a level that is right. */
function levelRefusal(level: unknown, strategies: Strategies): string | undefined {
  const names = Object.keys(strategies);
  const all = `one of the strategies ${names.join(', ')}, such as ${EXAMPLES['field']}`;
  if (!isLayer(level)) return all;
  const chosen = names.filter((name) => Object.hasOwn(level, name));
  const [name, second] = chosen;
  if (name === undefined) return `${all}; ${unknownKey(level, names)}`;
  if (second !== undefined) {
    const listed = chosen.map((one) => `{${one}: …}`).join(', ');
    return `one strategy in each mapping; for one below the other a list: [${listed}]`;
  }
  const [issue] = strategies[name]?.safeParse(level, { error: describeAllowed }).error?.issues ?? [];
  return issue === undefined ? undefined : `${describeStep(issue, name)}, such as ${EXAMPLES[name]}`;
}

function unknownKey(level: Layer, names: readonly string[]): string {
  const [key] = Object.keys(level);
  if (key === undefined) return 'it is empty';
  return `"${key}" is none, did you mean ${nearestName(key, names)}?`;
}

function describeStep(issue: z.core.$ZodIssue, name: string): string {
  const at = [...issue.path].join('.');
  if (issue.code === 'unrecognized_keys') {
    const where = at === '' ? `beside ${name}` : `in ${at}`;
    return `no key "${issue.keys[0]}" ${where}`;
  }
  const allowed = issue.code === 'invalid_key' ? issue.issues[0]?.message : issue.message;
  return `in ${at} ${allowed}`;
}
