/** `pannier dataset versions|diff|pin|unpin|rollback|watch`: what operators do with the versions of a dataset. */
import { ConfigError } from '@pannier/runtime';
import type { PannierClient, PartitionDescription, VersionDiff } from '../index.ts';
import type { CommandLine } from './command-line.ts';
import { grouped, note, paint, print, textTable, visible } from './terminal.ts';

const NAMED_MAX = 20;

/** A verb about one dataset. */
interface VersionVerb {
  readonly name: string;
  /** Behind the name. */
  readonly operands: readonly string[];
  readonly line: CommandLine;
  readonly client: PannierClient;
}

/** Verbs by name. */
export const VERSION_VERBS: Readonly<Record<string, (verb: VersionVerb) => Promise<void>>> = {
  versions: async ({ name, line: { json }, client }) => {
    const versions = await client.admin.versions(name);
    if (json) return await print(versions.map((version) => `${JSON.stringify(version)}\n`).join(''));
    if (versions.length === 0) return note('no version is kept');
    const rows = versions.map(({ version, publishedAt, records, current, pinned, quarantineReason }) => [
      current ? paint('green', 'current') : quarantineReason === '' ? '' : paint('red', 'aside'),
      pinned ? 'pinned' : '',
      grouped(records),
      publishedAt.toISOString(),
      quarantineReason === '' ? visible(version) : `${visible(version)}  ${visible(quarantineReason)}`,
    ]);
    await print(textTable(['READ', 'KEPT', 'RECORDS', 'PUBLISHED', 'VERSION'], rows));
  },
  diff: async ({ name, operands: [from = '', to = ''], line: { json, limit }, client }) => {
    const options = { ...(to === '' ? {} : { to }), ...(limit === undefined ? {} : { limit }) };
    const diff = await client.admin.diffVersions(name, from, options);
    if (json) return await print(`${JSON.stringify(diff)}\n`);
    const { added, changed, removed, unchanged, records } = diff;
    for (const [sign, style, partitions] of [
      ['+', 'green', added],
      ['~', 'yellow', changed],
      ['-', 'red', removed],
    ] as const) {
      await print(partitionLines(sign, style, partitions));
    }
    await print(`${grouped(unchanged)} partitions are the same\n`);
    await printRecordChanges(records, added.length + changed.length + removed.length > 0);
  },
  pin: async ({ name, operands: [version = ''], client }) => {
    await client.admin.pinVersion(name, version);
    await print(`${visible(version)} stays until it is unpinned\n`);
  },
  unpin: async ({ name, operands: [version = ''], client }) => {
    await client.admin.unpinVersion(name, version);
    await print(`${visible(version)} goes when newer versions need its place\n`);
  },
  rollback: async ({ name, operands: [version = ''], client }) => {
    await client.admin.rollback(name, version);
    await print(`readers get ${visible(version)} until the upstream has something newer\n`);
  },
};

/** How many operands a verb wants behind the name. */
export function requireOperands(verb: string, operands: readonly string[]): void {
  const [least, most] = { versions: [0, 0], diff: [1, 2] }[verb] ?? [1, 1];
  if (operands.length >= (least ?? 0) && operands.length <= (most ?? 1)) return;
  const want = { versions: 'NAME', diff: 'NAME FROM [TO]' }[verb] ?? 'NAME VERSION';
  throw new ConfigError(`dataset ${verb}: want ${want}`);
}

async function printRecordChanges(records: VersionDiff['records'], differs: boolean): Promise<void> {
  const all = records.added + records.changed + records.removed;
  if (all === 0) {
    if (differs) note('which records differ is told where the dataset declares its `key`');
    return;
  }
  const counts = `${grouped(records.added)} added, ${grouped(records.changed)} changed, ${grouped(records.removed)} removed`;
  await print(`records: ${counts}\n`);
  for (const { before, after } of records.changes) {
    if (before !== '') await print(`${paint('red', `- ${visible(before)}`)}\n`);
    if (after !== '') await print(`${paint('green', `+ ${visible(after)}`)}\n`);
  }
  const rest = all - records.changes.length;
  if (rest > 0) await print(`and ${grouped(rest)} more: see --limit\n`);
}

function partitionLines(
  sign: string,
  style: 'green' | 'yellow' | 'red',
  partitions: readonly PartitionDescription[],
): string {
  const shown = partitions.slice(0, NAMED_MAX);
  const lines = shown.map(
    ({ name, records }) => `${paint(style, `${sign} ${visible(name)}`)}  ${grouped(records)} records\n`,
  );
  const rest = partitions.length - shown.length;
  return lines.join('') + (rest > 0 ? `${sign} and ${grouped(rest)} more\n` : '');
}
