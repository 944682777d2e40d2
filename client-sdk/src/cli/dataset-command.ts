/** `pannier dataset ls`, `show NAME` and `read NAME`. */
import { ConfigError, formatBytes } from '@pannier/runtime';
import type { PannierClient } from '../index.ts';
import type { CommandLine } from './command-line.ts';
import { grouped, histogram, note, paint, print, progressBar, textTable, visible } from './terminal.ts';
import { filterOf, typeWarnings } from './where-flag.ts';
import { requireOperands, VERSION_VERBS } from './version-commands.ts';

/** Runs the verb that stands behind `dataset`. */
export async function datasetCommand(line: CommandLine, client: PannierClient): Promise<void> {
  const [verb, name, ...rest] = line.operands;
  if (verb === 'ls' && name === undefined) return listDatasets(line, client);
  if (name !== undefined && rest.length === 0) {
    if (verb === 'show') return showDataset(name, line, client);
    if (verb === 'read') return readDataset(name, line, client);
  }
  const versionVerb = VERSION_VERBS[verb ?? ''];
  if (verb !== undefined && versionVerb !== undefined && name !== undefined) {
    requireOperands(verb, rest);
    return await versionVerb({ name, operands: rest, line, client });
  }
  const verbs = Object.keys(VERSION_VERBS).map((one) => `${one} NAME`);
  throw new ConfigError(`dataset: want ls, show NAME, read NAME, ${verbs.join(', ')}; see --help`);
}

async function listDatasets({ json }: CommandLine, client: PannierClient): Promise<void> {
  const datasets = await client.admin.datasets();
  if (json) await print(datasets.map((dataset) => `${JSON.stringify(dataset)}\n`).join(''));
  else if (datasets.length === 0) note('no dataset is declared');
  else {
    const rows = datasets.map(({ dataset, records, partitions, version, upstream, endpoint }) => [
      visible(dataset),
      version === '' ? 'not fetched yet' : grouped(records),
      grouped(partitions),
      `${visible(upstream)} ${visible(endpoint)}`,
    ]);
    await print(textTable(['DATASET', 'RECORDS', 'PARTS', 'UPSTREAM'], rows));
  }
}

async function showDataset(name: string, { json }: CommandLine, client: PannierClient): Promise<void> {
  const description = await client.dataset(name).describe();
  if (json) {
    await print(`${jsonLine(description)}\n`);
    return;
  }
  const { version, publishedAt, records, partitionFields, fields, partitions } = description;
  const { duplicates, missing, dropped } = description;
  const facts = [
    ['version', `${visible(version)}, published ${publishedAt.toISOString()}`],
    ['records', grouped(records)],
    ...(duplicates + missing + dropped === 0
      ? []
      : [
          [
            'besides',
            `${grouped(duplicates)} duplicates, ${grouped(missing)} without the field, ${grouped(dropped)} dropped`,
          ],
        ]),
    ['cut by', partitionFields.map(visible).join(', ') || 'nothing'],
    ['fields', fields.map(({ name, types }) => `${visible(name)} (${types.join(', ')})`).join(', ')],
    ['sizes', `${grouped(partitions.length)} partitions, by records`],
  ];
  await print(facts.map(([title = '', text]) => `${paint('dim', title.padEnd(8))} ${text}\n`).join(''));
  await print(histogram(partitions.map((part) => part.records)));
  const rows = partitions.map((part) => [
    grouped(part.records),
    formatBytes(part.contentBytes),
    formatBytes(part.storedBytes),
    visible(part.name),
  ]);
  await print(textTable(['RECORDS', 'BYTES', 'STORED', 'PARTITION'], rows));
}

async function readDataset(
  name: string,
  { where, fields, version, limit = Infinity }: CommandLine,
  client: PannierClient,
): Promise<void> {
  let count = 0;
  const dataset = client.dataset(name);
  const filter = filterOf(where);
  // A bar only where it does not run into the records.
  const shows = process.stderr.isTTY && !process.stdout.isTTY && where.length === 0;
  const total = shows ? Math.min(limit, (await dataset.describe({ version })).records) : 0;
  using bar = progressBar(shows, total);
  for await (const record of dataset.records(filter, { fields, version })) {
    await print(`${jsonLine(record)}\n`);
    count += 1;
    bar.update(count);
    if (count === limit) return;
  }
  // Asked for only now: the first record of a version that is being fetched need not wait for it.
  if (count === 0 && where.length > 0) {
    for (const line of typeWarnings(filter, await dataset.describe({ version }))) note(line);
  }
}

/** TypeScript's library lags behind V8 here: JSON.rawJSON keeps every digit of an integer that a double does not hold. */
const RawJson = JSON as JSON & { rawJSON(text: string): unknown };

function jsonLine(value: unknown): string {
  return JSON.stringify(value, (_name, field: unknown) => {
    if (typeof field === 'bigint') return RawJson.rawJSON(String(field));
    return field instanceof Uint8Array ? Buffer.from(field).toString('base64') : field;
  });
}
