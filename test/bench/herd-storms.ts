/** What became of the rounds of one contender of the herd: its figures, its lines, and what it promised. */
import type { PannierProcess } from '../fixture/pannier-process.ts';
import { sumOf } from '../fixture/server-counts.ts';
import type { ServerCounts } from '../fixture/server-counts.ts';
import { median, spread } from './bench.ts';
import type { BenchPromise } from './bench.ts';
import type { HerdManner } from './herd-order.ts';
import { histogram } from './latency.ts';
import { exactly, noFailures } from './verdict.ts';

/** Who is stormed. */
export interface Contender {
  readonly name: string;
  /** What its figures begin with. */
  readonly figure: string;
  /** Undefined when it is not to be had here. */
  readonly doors: readonly string[] | undefined;
  readonly manner: HerdManner;
  /** Our own cache servers behind it, which tell what arrived there; none of a peer, which promises nothing either. */
  readonly servers: readonly PannierProcess[];
}

/** One contender's rounds. */
export interface Storms {
  readonly fetches: number[];
  readonly errors: number[];
  readonly headP99Ms: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
  /** What each server counted meanwhile. */
  readonly counts: (readonly ServerCounts[])[];
  /** Of all rounds. */
  readonly failures: Record<string, number>;
  /** Of the last round. */
  wholeMs: readonly number[];
}

/** Before the first round. */
export function noStorms(): Storms {
  return {
    fetches: [],
    errors: [],
    headP99Ms: [],
    p50Ms: [],
    p99Ms: [],
    counts: [],
    failures: {},
    wholeMs: [],
  };
}

/** Requests that waited at servers that asked nobody themselves, for the fetch of another one. */
function followersElsewhere(counts: readonly ServerCounts[]): number {
  return sumOf(
    counts.filter(({ leader }) => leader === 0),
    'collapsed',
  );
}

/** Figures; null of one that is not to be had here. What servers counted is that of the last round. */
export function figuresOf({ figure }: Contender, storms: Storms): Record<string, number | null> {
  const { fetches, errors, p99Ms, counts } = storms;
  const name = (what: string): string =>
    figure === '' ? what : `${figure}${what.charAt(0).toUpperCase()}${what.slice(1)}`;
  const isThere = fetches.length > 0;
  const last = counts.at(-1) ?? [];
  const lookups = last.map((server, index): [string, number] => [
    name(`lookupsAtServer${index + 1}`),
    server.lookups,
  ]);
  const arrivals: Record<string, number> = {
    ...Object.fromEntries(lookups),
    [name('leaderFlights')]: sumOf(last, 'leader'),
    [name('followerFlights')]: sumOf(last, 'follower'),
    [name('followersAtOtherServers')]: followersElsewhere(last),
  };
  return {
    [name('upstreamFetches')]: isThere ? Math.max(...fetches) : null,
    [name('errors')]: isThere ? errors.reduce((sum, count) => sum + count, 0) : null,
    [name('p99Ms')]: isThere ? median(p99Ms) : null,
    ...(last.length === 0 ? {} : arrivals),
  };
}

/** One that is not as promised, if there is any. */
function other(values: readonly number[], promised: number): number {
  return values.find((value) => value !== promised) ?? promised;
}

/** What is promised of our own servers, in every round. */
export function promisesOf({ name, servers, manner }: Contender, storms: Storms): BenchPromise[] {
  if (servers.length === 0) return [];
  const common = [
    exactly(`${name}: one fetch from the upstream`, other(storms.fetches, 1), 1),
    noFailures(`${name}: no errors, and the upstream's bytes for every client`, storms.failures),
  ];
  if (manner !== 'grpc') return common;
  // Otherwise the herd would have shown nothing about servers that follow each other.
  const alone = storms.counts
    .flat()
    .filter(({ leader, lookups, collapsed }) => leader === 0 && lookups > 0 && collapsed === 0);
  const leading = storms.counts.map((counts) => counts.filter(({ leader }) => leader > 0).length);
  return [
    ...common,
    exactly(`${name}: one server that leads`, other(leading, 1), 1),
    exactly(`${name}: clients that follow at every other server, else it was no herd`, alone.length, 0),
  ];
}

/** One line of the table. */
export function row({ name }: Contender, storms: Storms): string {
  if (storms.fetches.length === 0) return `  ${name.padEnd(34)} not to be had here`;
  const fetches = spread(storms.fetches).padEnd(14);
  const errors = spread(storms.errors).padEnd(14);
  const heads = spread(storms.headP99Ms).padEnd(22);
  return `  ${name.padEnd(34)} ${fetches} ${errors} ${heads} ${spread(storms.p50Ms).padEnd(22)} ${spread(storms.p99Ms)}`;
}

/** What arrived at the servers, their parts in it, and how long the clients waited. */
export function details({ name }: Contender, { wholeMs, failures, fetches, counts }: Storms): string[] {
  if (fetches.length === 0) return [];
  const failed = Object.entries(failures).map(([what, count]) => `  ${count} x ${what}`);
  return [
    '',
    ...(counts.at(-1) ?? []).map((server, index) => `${name}: ${serverLine(index, server)}`),
    `${name}: request to last byte, last round`,
    ...histogram(wholeMs),
    ...failed,
  ];
}

function serverLine(index: number, { lookups, leader, follower, collapsed }: ServerCounts): string {
  const parts = [`${leader} led`, `${follower} followed`];
  return `server ${index + 1} had ${lookups} lookups, ${collapsed} of them collapsed; flights: ${parts.join(', ')}`;
}
