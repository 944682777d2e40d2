/**
 * A herd: 10,000 clients, each on a connection of its own, ask for one cold key in the same moment. Pannier answers with three cache servers
 * over one real Redis and three proxies, beside nginx with `proxy_cache_lock` and Varnish, one of each, in the same run. The upstream takes 1 s
 * before it sends. The body is 100 kB of random bytes, 1 MB with --full; every one is compared, byte for byte, with the upstream's. Everything
 * shares the machine, the clients included, so that the waits are those of moving 1 or 10 GB; what counts first are the fetches.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Upstream } from '@pannier/example-upstream';
import { curl } from '../fixture/curl.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { MeshOptions } from '../fixture/mesh.ts';
import { startNginx } from '../fixture/nginx.ts';
import { startVarnish } from '../fixture/varnish.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { median, spread } from './bench.ts';
import { startFleet } from './client-fleet.ts';
import type { ClientFleet } from './client-fleet.ts';
import { histogram, quantile } from './latency.ts';

const CLIENTS = 10_000;
/** More than rides in an answer, so that each client has a stream of its own. */
const BODY_BYTES = 100_000;
const BODY_FULL_BYTES = 1_000_000;
const LATENCY_MS = 1000;
const ROUNDS_FULL = 3;
const DEADLINE_MS = 120_000;
const WARM_UPS = 20;
/** On a machine where 10,000 clients share two cores with everything else, a moment of silence is no sign of death. */
const LIMITS = { ackTimeoutMs: 30_000, heartbeatMs: 10_000 };
/** All proxies know all servers: so many callers of one key are more than its server's share, and spread over all three. */
const MESH: MeshOptions = {
  store: 'redis',
  servers: 3,
  proxies: 3,
  config: { limits: LIMITS },
};

/** Who is stormed. */
interface Contender {
  readonly name: string;
  /** What its figures begin with. */
  readonly figure: string;
  /** Undefined when it is not to be had here. */
  readonly doors: readonly string[] | undefined;
  readonly isForward: boolean;
}

/** One contender's rounds. */
interface Storms {
  readonly fetches: number[];
  readonly errors: number[];
  readonly headP99Ms: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
  /** Of the last round. */
  wholeMs: readonly number[];
  failures: Readonly<Record<string, number>>;
}

/** What a round needs beside the contender. */
interface Rig {
  readonly upstream: Upstream;
  readonly fleet: ClientFleet;
  readonly bodyFile: string;
  readonly bodyBytes: number;
}

let seed = 0;
/** What nobody has asked for yet. */
function coldUrl(upstream: Upstream, bytes: number, latencyMs: number): string {
  seed += 1;
  return `${upstream.url}/generated/${bytes}?type=random&seed=${seed}&maxAge=3600&latencyMs=${latencyMs}`;
}

/** Whoever is asked for the first time is still being compiled. */
async function warmUp({ doors = [], isForward }: Contender, upstream: Upstream): Promise<void> {
  for (const door of doors) {
    for (let request = 0; request < WARM_UPS; request += 1) {
      const url = coldUrl(upstream, BODY_BYTES, 0);
      await (isForward ? curl(url, door) : curl(url.replace(upstream.url, door)));
    }
  }
}

async function storm(
  contender: Contender,
  storms: Storms,
  { upstream, fleet, bodyFile, bodyBytes }: Rig,
): Promise<void> {
  const url = coldUrl(upstream, bodyBytes, LATENCY_MS);
  writeFileSync(bodyFile, (await curl(url)).body);
  const { doors = [], isForward } = contender;
  const order = { doors, isForward, url, bodyFile, deadlineMs: DEADLINE_MS };
  const report = await fleet.storm(order, () => upstream.resetStats());
  storms.fetches.push(upstream.stats().total);
  storms.errors.push(Object.values(report.failures).reduce((sum, count) => sum + count, 0));
  storms.headP99Ms.push(quantile(report.headMs, 0.99));
  storms.p50Ms.push(quantile(report.wholeMs, 0.5));
  storms.p99Ms.push(quantile(report.wholeMs, 0.99));
  storms.wholeMs = report.wholeMs;
  storms.failures = report.failures;
}

function noStorms(): Storms {
  return { fetches: [], errors: [], headP99Ms: [], p50Ms: [], p99Ms: [], wholeMs: [], failures: {} };
}

function figuresOf({ figure }: Contender, { fetches, errors, p99Ms }: Storms): Record<string, number | null> {
  const name = (what: string): string =>
    figure === '' ? what : `${figure}${what.charAt(0).toUpperCase()}${what.slice(1)}`;
  const isThere = fetches.length > 0;
  return {
    [name('upstreamFetches')]: isThere ? Math.max(...fetches) : null,
    [name('errors')]: isThere ? errors.reduce((sum, count) => sum + count, 0) : null,
    [name('p99Ms')]: isThere ? median(p99Ms) : null,
  };
}

function row({ name }: Contender, storms: Storms): string {
  if (storms.fetches.length === 0) return `  ${name.padEnd(34)} not to be had here`;
  const fetches = spread(storms.fetches).padEnd(14);
  const errors = spread(storms.errors).padEnd(14);
  const heads = spread(storms.headP99Ms).padEnd(22);
  return `  ${name.padEnd(34)} ${fetches} ${errors} ${heads} ${spread(storms.p50Ms).padEnd(22)} ${spread(storms.p99Ms)}`;
}

function details({ name }: Contender, { wholeMs, failures, fetches }: Storms): string[] {
  if (fetches.length === 0) return [];
  const failed = Object.entries(failures).map(([what, count]) => `  ${count} x ${what}`);
  return ['', `${name}: request to last byte, last round`, ...histogram(wholeMs), ...failed];
}

/** See the head of this file. */
export async function herdBench({ full, clients = CLIENTS, progress }: BenchOptions): Promise<BenchResult> {
  await using parts = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'pannier-herd-'));
  parts.defer(() => rmSync(folder, { recursive: true, force: true }));
  const mesh = parts.use(await startMesh(MESH));
  const { upstream } = mesh;
  const nginx = await startNginx(upstream.url, { workers: 2, connectionsMax: 16_384, hasLock: true });
  if (nginx !== undefined) parts.use(nginx);
  const varnish = await startVarnish(upstream.url);
  if (varnish !== undefined) parts.use(varnish);
  const fleet = parts.use(startFleet(clients));
  const doors = mesh.proxies.map((_, index) => mesh.proxyUrl(index));
  const contenders: Contender[] = [
    { name: 'pannier, 3 servers, 3 proxies', figure: '', doors, isForward: true },
    { name: 'nginx, proxy_cache_lock', figure: 'nginx', doors: nginx && [nginx.url], isForward: false },
    { name: 'varnish', figure: 'varnish', doors: varnish && [varnish.url], isForward: false },
  ];
  const storms = contenders.map(noStorms);
  for (const contender of contenders) await warmUp(contender, upstream);
  const bodyBytes = full ? BODY_FULL_BYTES : BODY_BYTES;
  const rig = { upstream, fleet, bodyFile: join(folder, 'body'), bodyBytes };
  for (let round = 0; round < (full ? ROUNDS_FULL : 1); round += 1) {
    for (const [index, contender] of contenders.entries()) {
      if (contender.doors === undefined) continue;
      progress(`round ${round + 1}: ${clients} clients before ${contender.name}`);
      const seen = storms[index] ?? noStorms();
      await storm(contender, seen, rig);
      const p99Ms = seen.p99Ms.at(-1)?.toFixed(0);
      progress(`  ${seen.fetches.at(-1)} fetches, ${seen.errors.at(-1)} errors, whole p99 ${p99Ms} ms`);
    }
  }
  const each = <T>(show: (contender: Contender, storms: Storms) => T): T[] =>
    contenders.map((contender, index) => show(contender, storms[index] ?? noStorms()));
  return {
    figures: {
      clients,
      ...Object.fromEntries(each(figuresOf).flatMap((figures) => Object.entries(figures))),
    },
    table: [
      `${clients} clients, one cold key, ${bodyBytes / 1e6} MB, an upstream that takes ${LATENCY_MS / 1000} s; median (spread), ms`,
      `  ${''.padEnd(34)} ${'fetches'.padEnd(14)} ${'errors'.padEnd(14)} ${'head p99'.padEnd(22)} ${'whole p50'.padEnd(22)} whole p99`,
      ...each(row),
      ...each(details).flat(),
    ],
  };
}
