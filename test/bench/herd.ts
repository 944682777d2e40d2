/**
 * A herd: 10,000 clients ask for one cold key in the same moment, of three cache servers over one real Redis. The upstream takes 1 s before it sends. The
 * body is 100 kB of random bytes, 1 MB with --full; every one is compared, byte for byte, with the upstream's. There are two herds, for a proxy asks once
 * for all its equal requests:
 *
 * - 10,000 connections to three proxies that know all servers, beside nginx with `proxy_cache_lock` and Varnish, one of each, in the same run. What arrives
 *   at the servers are a few lookups of three proxies.
 * - 10,000 readers of the SDK, a third pinned to each server: 10,000 lookups and streams at the servers, two of which follow the third.
 *
 * Everything shares the machine, the clients included, so that the waits are those of moving 1 or 10 GB; what counts first are the fetches.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Upstream } from '@pannier/example-upstream';
import { curl } from '../fixture/curl.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh, MeshOptions } from '../fixture/mesh.ts';
import { startNginx } from '../fixture/nginx.ts';
import { countsOf, countsSince } from '../fixture/server-counts.ts';
import type { ServerCounts } from '../fixture/server-counts.ts';
import { startVarnish } from '../fixture/varnish.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { startFleet } from './client-fleet.ts';
import type { ClientFleet } from './client-fleet.ts';
import { details, figuresOf, noStorms, promisesOf, row } from './herd-storms.ts';
import type { Contender, Storms } from './herd-storms.ts';
import { quantile } from './latency.ts';

const CLIENTS = 10_000;
/** More than rides in an answer, so that each lookup has a stream of its own. */
const BODY_BYTES = 100_000;
const BODY_FULL_BYTES = 1_000_000;
const LATENCY_MS = 1000;
const ROUNDS_FULL = 3;
const DEADLINE_MS = 120_000;
const DEADLINE_FULL_MS = 300_000;
const WARM_UPS = 20;
/** On a machine where 10,000 clients share two cores with everything else, a moment of silence is no sign of death. */
const LIMITS = { ackTimeoutMs: 30_000, heartbeatMs: 10_000 };
/** All proxies know all servers. They ask the same one, the first in the order of the URL, once each or a few times: that is no load that would spread. */
const MESH: MeshOptions = {
  store: 'redis',
  servers: 3,
  proxies: 3,
  redisSettings: { commandTimeoutMs: '30s' },
  config: { limits: LIMITS },
};

/** What a round needs beside the contender. */
interface Rig {
  readonly upstream: Upstream;
  readonly fleet: ClientFleet;
  readonly bodyFile: string;
  readonly bodyBytes: number;
  readonly deadlineMs: number;
}

let seed = 0;
/** What nobody has asked for yet. */
function coldUrl(upstream: Upstream, bytes: number, latencyMs: number): string {
  seed += 1;
  return `${upstream.url}/generated/${bytes}?type=random&seed=${seed}&maxAge=3600&latencyMs=${latencyMs}`;
}

/** Whoever is asked for the first time is still being compiled. The servers are warm when the proxies are. */
async function warmUp({ doors = [], manner }: Contender, upstream: Upstream): Promise<void> {
  if (manner === 'grpc') return;
  for (const door of doors) {
    for (let request = 0; request < WARM_UPS; request += 1) {
      const url = coldUrl(upstream, BODY_BYTES, 0);
      await (manner === 'forward' ? curl(url, door) : curl(url.replace(upstream.url, door)));
    }
  }
}

async function storm(
  { doors = [], manner, servers }: Contender,
  storms: Storms,
  { upstream, fleet, bodyFile, bodyBytes, deadlineMs }: Rig,
): Promise<void> {
  const url = coldUrl(upstream, bodyBytes, LATENCY_MS);
  writeFileSync(bodyFile, (await curl(url)).body);
  const warmUpUrl = coldUrl(upstream, BODY_BYTES, 0);
  let before: readonly ServerCounts[] = [];
  const report = await fleet.storm({ manner, doors, url, warmUpUrl, bodyFile, deadlineMs }, async () => {
    before = await countsOf(servers);
    upstream.resetStats();
  });
  storms.fetches.push(upstream.stats().total);
  storms.errors.push(Object.values(report.failures).reduce((sum, count) => sum + count, 0));
  storms.headP99Ms.push(quantile(report.headMs, 0.99));
  storms.p50Ms.push(quantile(report.wholeMs, 0.5));
  storms.p99Ms.push(quantile(report.wholeMs, 0.99));
  storms.counts.push(countsSince(before, await countsOf(servers)));
  storms.wholeMs = report.wholeMs;
  for (const [what, count] of Object.entries(report.failures))
    storms.failures[what] = (storms.failures[what] ?? 0) + count;
}

/** Ours by both ways, and whatever peers there are. */
async function startContenders(mesh: Mesh, parts: AsyncDisposableStack): Promise<Contender[]> {
  const { upstream, servers } = mesh;
  const nginx = await startNginx(upstream.url, { workers: 2, connectionsMax: 16_384, hasLock: true });
  if (nginx !== undefined) parts.use(nginx);
  const varnish = await startVarnish(upstream.url);
  if (varnish !== undefined) parts.use(varnish);
  const peer = { manner: 'origin', servers: [] } as const;
  return [
    {
      name: 'pannier, 3 proxies, 3 servers',
      figure: '',
      doors: mesh.proxies.map((_, index) => mesh.proxyUrl(index)),
      manner: 'forward',
      servers,
    },
    {
      name: 'pannier, SDK clients at 3 servers',
      figure: 'grpc',
      doors: servers.map((_, index) => mesh.serverAddress(index)),
      manner: 'grpc',
      servers,
    },
    { ...peer, name: 'nginx, proxy_cache_lock', figure: 'nginx', doors: nginx && [nginx.url] },
    { ...peer, name: 'varnish', figure: 'varnish', doors: varnish && [varnish.url] },
  ];
}

/** See the head of this file. */
export async function herdBench({ full, clients = CLIENTS, progress }: BenchOptions): Promise<BenchResult> {
  await using parts = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'pannier-herd-'));
  parts.defer(() => rmSync(folder, { recursive: true, force: true }));
  const mesh = parts.use(await startMesh(MESH));
  const { upstream } = mesh;
  const contenders = await startContenders(mesh, parts);
  const fleet = parts.use(startFleet(clients));
  const rounds = contenders.map((contender) => ({ contender, storms: noStorms() }));
  for (const contender of contenders) await warmUp(contender, upstream);
  const bodyBytes = full ? BODY_FULL_BYTES : BODY_BYTES;
  const deadlineMs = full ? DEADLINE_FULL_MS : DEADLINE_MS;
  const rig = { upstream, fleet, bodyFile: join(folder, 'body'), bodyBytes, deadlineMs };
  for (let round = 0; round < (full ? ROUNDS_FULL : 1); round += 1) {
    for (const { contender, storms } of rounds) {
      if (contender.doors === undefined) continue;
      progress(`round ${round + 1}: ${clients} clients before ${contender.name}`);
      await storm(contender, storms, rig);
      const p99Ms = storms.p99Ms.at(-1)?.toFixed(0);
      progress(`  ${storms.fetches.at(-1)} fetches, ${storms.errors.at(-1)} errors, whole p99 ${p99Ms} ms`);
    }
  }
  const each = <T>(show: (contender: Contender, storms: Storms) => T): T[] =>
    rounds.map(({ contender, storms }) => show(contender, storms));
  return {
    figures: {
      clients,
      ...Object.fromEntries(each(figuresOf).flatMap((figures) => Object.entries(figures))),
    },
    promises: each(promisesOf).flat(),
    table: [
      `${clients} clients, one cold key, ${bodyBytes / 1e6} MB, an upstream that takes ${LATENCY_MS / 1000} s; median (spread), ms`,
      `  ${''.padEnd(34)} ${'fetches'.padEnd(14)} ${'errors'.padEnd(14)} ${'head p99'.padEnd(22)} ${'whole p50'.padEnd(22)} whole p99`,
      ...each(row),
      ...each(details).flat(),
    ],
  };
}
