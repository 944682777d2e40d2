/** `pannier stats`: what each server counts. */
import { ConfigError, formatBytes, formatDuration } from '@pannier/runtime';
import { PannierError } from '../index.ts';
import type { PannierClient, ServerStats, UpstreamLoad } from '../index.ts';
import { openClient } from './command-client.ts';
import type { CommandLine } from './command-line.ts';
import { barChart, grouped, paint, print, textTable, visible } from './terminal.ts';

/** Counters of every server that was named, one after another. @throws PannierError behind those of the others, when one does not answer */
export async function statsCommand(line: CommandLine, client: PannierClient): Promise<void> {
  if (line.operands.length > 0) throw new ConfigError('stats: takes no operand');
  const servers = await serversOf(line, client);
  const answers = await Promise.allSettled(servers.map(async (server) => await statsOf(server, line)));
  const failures: unknown[] = [];
  let isFirst = true;
  for (const [index, answer] of answers.entries()) {
    if (answer.status === 'rejected') failures.push(answer.reason);
    else {
      const server = servers[index] ?? '';
      if (line.json) await print(`${JSON.stringify({ server, ...answer.value })}\n`);
      else await printStats(server, answer.value, isFirst);
      isFirst = false;
    }
  }
  if (failures.length > 0) throw asOne(failures);
}

/** A name stands for the addresses that it has once a server was reached by it. */
async function serversOf({ servers }: CommandLine, client: PannierClient): Promise<readonly string[]> {
  if (servers.some((server) => server.startsWith('dns:'))) await client.admin.stats();
  return client.servers().map(({ server }) => server);
}

async function statsOf(server: string, line: CommandLine): Promise<ServerStats> {
  using client = openClient(line, [server]);
  return await client.admin.stats();
}

/** Each of them names its server. */
function asOne(failures: readonly unknown[]): unknown {
  const [first] = failures;
  if (failures.length === 1 || !(first instanceof PannierError)) return first;
  const messages = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
  return new PannierError(first.code, messages.join('; '), { cause: new AggregateError(failures) });
}

async function printStats(server: string, stats: ServerStats, isFirst: boolean): Promise<void> {
  if (!isFirst) await print('\n');
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
    ['server', visible(server)],
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
