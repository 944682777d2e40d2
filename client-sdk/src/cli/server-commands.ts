/** `pannier stats` and `ls`: what operators ask. */
import { ConfigError, formatBytes, formatDuration } from '@pannier/runtime';
import type { EntryDescription, PannierClient, UpstreamLoad } from '../index.ts';
import type { CommandLine } from './command-line.ts';
import { barChart, grouped, note, paint, print, textTable, visible } from './terminal.ts';

const ENTRIES_MAX = 1000;

/** Counters of the server that answers. */
export async function statsCommand({ json, operands }: CommandLine, client: PannierClient): Promise<void> {
  if (operands.length > 0) throw new ConfigError('stats: takes no operand');
  const stats = await client.admin.stats();
  if (json) {
    await print(`${JSON.stringify(stats)}\n`);
    return;
  }
  const { store, entries, storedBytes, controlAnswers } = stats;
  const { uptimeMs, flights, waiters, upstreamBytes } = stats;
  const size = [
    ...(entries === undefined ? [] : [entriesText(entries)]),
    ...(storedBytes === undefined ? [] : [formatBytes(storedBytes)]),
  ];
  // Every store tells something.
  if (size.length === 0) size.push('does not answer');
  const lookups = Object.values(stats.lookups).reduce((sum, count) => sum + count, 0);
  const facts = [
    ['up', formatDuration(uptimeMs)],
    ['store', [store, ...size].join(', ')],
    ...(controlAnswers === undefined ? [] : [['control', controlAnswers ? 'answers' : 'does not answer']]),
    ['flights', `${grouped(flights)} under way, ${grouped(waiters)} waiters`],
    ['upstreams', named(stats.upstreamRequests)],
    ['requests', `${named(stats.upstreamRequestKinds)}, ${formatBytes(upstreamBytes)} received`],
    ['failures', named(stats.failures)],
    ['lookups', `${grouped(lookups)}${hitShare(stats.lookups, lookups)}`],
  ];
  await print(facts.map(([name = '', text]) => `${paint('dim', name.padEnd(10))} ${text}\n`).join(''));
  await print(loadTable(stats.upstreamLoads));
  if (lookups > 0) await print(barChart(stats.lookups));
}

/** How each upstream stands; nothing where none was asked. */
function loadTable(loads: Readonly<Record<string, UpstreamLoad>>): string {
  const rows = Object.entries(loads).map(([name, { running, queued, concurrencyMax, breaker }]) => {
    const limit = concurrencyMax === undefined ? 'none' : grouped(concurrencyMax);
    return [visible(name), grouped(running), grouped(queued), limit, visible(breaker) || 'none'];
  });
  return rows.length === 0 ? '' : textTable(['upstream', 'running', 'queued', 'limit', 'breaker'], rows);
}

/** The share of lookups that needed no body from an upstream. */
function hitShare(counts: Readonly<Record<string, number>>, all: number): string {
  const { hit = 0, revalidated = 0, collapsed = 0 } = counts;
  if (all === 0) return '';
  return `, ${(((hit + revalidated + collapsed) / all) * 100).toFixed(1)} % answered without a fetch of their own`;
}

function entriesText(count: number): string {
  return count === 1 ? '1 entry' : `${grouped(count)} entries`;
}

function named(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.length === 0
    ? 'none'
    : some.map(([name, count]) => `${visible(name)} ${grouped(count)}`).join(', ');
}

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
