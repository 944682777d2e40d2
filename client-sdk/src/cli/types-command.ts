/** `pannier types`: TypeScript for the declared datasets, from what is in them. */
import { ConfigError } from '@pannier/runtime';
import { PannierError } from '../index.ts';
import type { DatasetDescription, FieldDescription, PannierClient } from '../index.ts';
import type { CommandLine } from './command-line.ts';
import { print, visible } from './terminal.ts';

const TYPES: Readonly<Record<string, string>> = {
  null: 'null',
  boolean: 'boolean',
  integer: 'number',
  number: 'number',
  string: 'string',
  array: 'readonly unknown[]',
  object: 'Readonly<Record<string, unknown>>',
  binary: 'Uint8Array',
};

/** A dataset with more partitions gets `string` for their names: nobody reads such a union. */
const UNION_MAX = 500;

/** Writes types of all datasets, or of those named. */
export async function typesCommand({ operands }: CommandLine, client: PannierClient): Promise<void> {
  const known = (await client.admin.datasets()).map(({ dataset }) => dataset);
  const unknown = operands.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new ConfigError(`types: no dataset "${unknown}"; declared are: ${known.join(', ') || 'none'}`);
  const names = operands.length === 0 ? known : operands;
  const described: DatasetDescription[] = [];
  const failed: string[] = [];
  for (const name of names) {
    try {
      described.push(await client.dataset(name).describe());
    } catch (error) {
      if (!(error instanceof PannierError) || error.code === 'unavailable') throw error;
      failed.push(`${visible(name)}: ${error.message}`);
    }
  }
  if (described.length > 0 || failed.length === 0) await print(datasetTypes(described));
  if (failed.length > 0) throw new PannierError('not-found', `no types of ${failed.join('; ')}`);
}

/** A module of types: one interface and one union for each dataset, and a map of all. */
function datasetTypes(datasets: readonly DatasetDescription[]): string {
  const names = new Map(datasets.map(({ dataset }) => [dataset, typeName(dataset)]));
  const parts = datasets.map((one) => datasetType(one, names.get(one.dataset) ?? ''));
  const map = datasets.map(({ dataset }) => {
    const name = names.get(dataset) ?? '';
    return `  readonly ${literal(dataset)}: { readonly record: ${name}; readonly partition: ${name}Partition };\n`;
  });
  const head =
    '// Written by `pannier types` from the data as it is now; write it again when that changes.\n\n';
  const use = "/** `client.dataset<Datasets['x']['record'], Datasets['x']['partition']>('x')` */\n";
  return `${head}${parts.join('\n')}\n${use}export interface Datasets {\n${map.join('')}}\n`;
}

function datasetType(
  { dataset, version, records, fields, partitions }: DatasetDescription,
  name: string,
): string {
  const members = fields.map(
    (field) =>
      `  readonly ${propertyName(field.name)}${field.present < records ? '?' : ''}: ${fieldType(field)};\n`,
  );
  const keys = [...new Set(partitions.map((partition) => partition.name.replace(/~\d+$/, '')))];
  const union =
    keys.length === 0 || keys.length > UNION_MAX
      ? 'string'
      : keys.map((key) => `\n  | ${literal(key)}`).join('');
  return (
    `/** A record of ${comment(dataset)}, as of version ${comment(version)}. */\n` +
    `export interface ${name} {\n${members.join('')}}\n\n` +
    `/** Partitions of ${comment(dataset)}. */\nexport type ${name}Partition =${union.startsWith('\n') ? union : ` ${union}`};\n`
  );
}

function fieldType({ types, minNumber, maxNumber }: FieldDescription): string {
  const names = types.map((type) => TYPES[type] ?? 'unknown');
  // What a double does not hold arrives as a bigint.
  const beyond = Math.max(Math.abs(minNumber ?? 0), Math.abs(maxNumber ?? 0)) > Number.MAX_SAFE_INTEGER;
  if (beyond && types.includes('integer')) names.push('bigint');
  return (
    [...new Set(names)]
      .toSorted((one, other) => Number(one === 'null') - Number(other === 'null'))
      .join(' | ') || 'unknown'
  );
}

function typeName(dataset: string): string {
  const words = dataset.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  const name = words.join('');
  return /^\d/.test(name) ? `Dataset${name}` : name;
}

function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : literal(name);
}

/** Names come from elsewhere: nothing in them may end the literal. */
function literal(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16)}`,
  );
}

function comment(text: string): string {
  return text.replaceAll(/\p{Cc}|\*\//gu, '?');
}
