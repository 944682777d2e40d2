/** `pannier ls`: what is stored. */
import { ConfigError, formatBytes, formatDuration } from '@pannier/runtime';
import type { EntryDescription, PannierClient } from '../index.ts';
import type { CommandLine } from './command-line.ts';
import { note, print, textTable, visible } from './terminal.ts';

const ENTRIES_MAX = 1000;

/** Entries, one a line. */
export async function listCommand(
  { json, operands, limit = ENTRIES_MAX }: CommandLine,
  client: PannierClient,
): Promise<void> {
  const [contains = '', ...rest] = operands;
  if (rest.length > 0) throw new ConfigError('ls: want one text at most');
  const entries: EntryDescription[] = [];
  let more = false;
  for await (const entry of client.admin.entries(contains)) {
    more = entries.length === limit;
    if (more) break;
    if (json) await print(`${JSON.stringify(entry)}\n`);
    entries.push(entry);
  }
  if (json) return;
  if (entries.length === 0)
    note(contains === '' ? 'nothing is stored' : `no key contains ${visible(contains)}`);
  else
    await print(
      textTable(['STATUS', 'BYTES', 'STORED', 'PARTS', 'AGE', 'FRESH', 'ENTRY'], entries.map(entryRow)),
    );
  if (more) note(`there are more than ${limit}: see --limit`);
}

function entryRow(entry: EntryDescription): string[] {
  return [
    entry.status === 0 ? '-' : String(entry.status),
    formatBytes(entry.contentBytes),
    formatBytes(entry.storedBytes),
    String(entry.partitions),
    formatDuration(entry.ageMs),
    entry.freshForMs > 0 ? formatDuration(entry.freshForMs) : entry.status === 0 ? '-' : 'stale',
    visible(entryText(entry)),
  ];
}

/** The key where it reads well; that of a URL is mostly escapes. `--json` has every key. */
function entryText({ key, name }: EntryDescription): string {
  const [scope = ''] = key.split(':');
  return key.includes('%') && name !== '' ? `${scope} ${name}` : key;
}
