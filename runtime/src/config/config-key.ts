import { configJsonSchema } from './json-schema.ts';
import type { JsonSchema } from './json-schema.ts';

/** One key of the config, as a table in a README or `--help` lists it. */
export interface ConfigKey {
  /** The steps to the key; `*` stands for a name that the operator chooses, as in `upstreams.*.url`. */
  readonly path: readonly string[];
  /** The variable that sets it; `<NAME>` stands for the chosen name in capitals, `-` written `_`. */
  readonly env: string;
  /** How the variable's text is read: a list is split at commas, pairs at commas and the first `=` of each. */
  readonly form: 'number' | 'text' | 'list' | 'text-or-list' | 'pairs';
  /** As a person would write it; undefined when the key has no default. */
  readonly default: unknown;
  readonly description: string;
}

const schema = configJsonSchema();
const keys = keysBelow(schema, []);

/** Every key that holds a value, in the order of the schema. */
export function configKeys(): readonly ConfigKey[] {
  return keys;
}

/** The names that a mapping at this path may hold; `*` where the operator chooses them. */
export function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: readonly JsonSchema[] = [schema];
  for (const step of path) at = at.flatMap((one) => below(one, step)).flatMap(choicesOf);
  return [...new Set(at.flatMap((one) => Object.keys(one.properties ?? {})))];
}

function below(schema: JsonSchema, step: PropertyKey): readonly JsonSchema[] {
  const next =
    typeof step === 'number' ? schema.items : (schema.properties?.[String(step)] ?? namedEntry(schema));
  return next === undefined ? [] : [next];
}

/** A schema, or the schemas that it gives the choice of. */
function choicesOf(schema: JsonSchema): readonly JsonSchema[] {
  return schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(choicesOf);
}

function keysBelow(schema: JsonSchema, path: readonly string[]): ConfigKey[] {
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([name, below]) => keysBelow(below, [...path, name]));
  }
  const entry = namedEntry(schema);
  if (entry?.properties !== undefined) return keysBelow(entry, [...path, '*']);
  const { default: initial, description = '' } = schema;
  return [{ path, env: envName(path), form: formOf(schema), default: initial, description }];
}

function namedEntry(schema: JsonSchema | undefined): JsonSchema | undefined {
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

function formOf(schema: JsonSchema): ConfigKey['form'] {
  if (schema.type === 'object') return 'pairs';
  if (schema.type === 'array') return 'list';
  const forms = (schema.anyOf ?? [schema]).map((choice) => choice.type);
  if (forms.includes('array')) return 'text-or-list';
  return forms.includes('integer') || forms.includes('number') ? 'number' : 'text';
}

function envName(path: readonly string[]): string {
  const steps = path.map((step) =>
    step === '*' ? '<NAME>' : step.replaceAll(/[A-Z]/g, '_$&').toUpperCase(),
  );
  return ['PANNIER', ...steps].join('_');
}
