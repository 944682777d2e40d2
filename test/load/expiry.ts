/** One entry goes stale under many clients: one condition for all of them, and where staleness is allowed nobody waits for it. */
import { setTimeout as delay } from 'node:timers/promises';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh, MeshOptions } from '../fixture/mesh.ts';
import { pinnedClients } from '../fixture/pinned-clients.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import type { SealedUpstream } from '../fixture/sealed-upstream.ts';
import { countsOf, countsSince, stopsOf, sumOf } from '../fixture/server-counts.ts';
import type { ServerCounts } from '../fixture/server-counts.ts';
import { storm } from './storm-client.ts';
import type { StormReport } from './storm-client.ts';

/** What it showed. */
export interface ExpiryReport extends StormReport {
  /** Requests that arrived at servers. */
  readonly lookups: number;
  /** Flights of servers that led, and that followed another server's. */
  readonly leaderFlights: number;
  readonly followerFlights: number;
  /** Leases that ended before their flights, because a server or Redis did not run for seconds: what alone may cost one more request. */
  readonly stops: number;
  /** Requests that the upstream got once the entry was stale. */
  readonly asked: number;
  /** Those of them with a condition. */
  readonly conditional: number;
  /** Answers that the upstream had given when the last client had its own. */
  readonly answeredMeanwhile: number;
}

/** A mesh whose servers all have one entry, which is stale. */
interface Stale {
  /** What the servers had counted when it was. */
  readonly before: readonly ServerCounts[];
  readonly mesh: Mesh;
  readonly upstream: SealedUpstream;
}

const TARGET = '/20000/one';
const SERVERS = 3;
const LIMITS = { ackTimeoutMs: '10s', heartbeatMs: '5s' };
/** More than `max-age=1` and whatever is rounded up on the way; waiting longer makes it no staler. */
const STALE_AFTER_MS = 2500;
const TOGETHER_WITHIN_MS = 120_000;

async function startStale(cacheControl: string, parts: AsyncDisposableStack): Promise<Stale> {
  const upstream = parts.use(await startSealedUpstream({ cacheControl }));
  const options: MeshOptions = {
    store: 'redis',
    servers: SERVERS,
    proxies: SERVERS,
    // Each proxy asks a server of its own, so that the entry has callers on all of them.
    isPinned: true,
    // On a busy machine Redis is slow, which is not to be taken for away.
    redisSettings: { commandTimeoutMs: '20s' },
    config: { upstreams: { sealed: { url: upstream.url } }, limits: LIMITS },
  };
  const mesh = parts.use(await startMesh(options));
  for (let proxy = 0; proxy < SERVERS; proxy += 1)
    await curl(`${upstream.url}${TARGET}`, mesh.proxyUrl(proxy));
  await delay(STALE_AFTER_MS);
  upstream.reset();
  return { mesh, upstream, before: await countsOf(mesh.servers) };
}

/** The first client of each server goes through its proxy; the others ask it directly, for a proxy would ask once for all of them. */
async function askAtOnce({ mesh, upstream }: Stale, callers: number): Promise<StormReport> {
  const addresses = mesh.servers.map((_, server) => mesh.serverAddress(server));
  using clients = pinnedClients(addresses, callers);
  const requests = Array.from({ length: callers }, (_, caller) => {
    const server = caller % SERVERS;
    const via = caller < SERVERS ? mesh.proxyUrl(server) : clients.of(server, Math.floor(caller / SERVERS));
    return { upstreamUrl: upstream.url, target: TARGET, via };
  });
  return await storm(requests, callers);
}

/** Waits until all other servers follow the one that asks. */
async function untilFollowed({ mesh, before }: Stale): Promise<void> {
  await eventually(async () => {
    const counts = countsSince(before, await countsOf(mesh.servers));
    const following = counts.filter(({ follower }) => follower > 0).length;
    if (following < SERVERS - 1) throw new Error(`${following} servers follow`);
  }, TOGETHER_WITHIN_MS);
}

async function reportOf(
  storms: StormReport,
  { mesh, upstream, before }: Stale,
  answeredMeanwhile: number,
): Promise<ExpiryReport> {
  const counts = countsSince(before, await countsOf(mesh.servers));
  return {
    ...storms,
    asked: upstream.asked.get(TARGET) ?? 0,
    conditional: upstream.conditional,
    answeredMeanwhile,
    lookups: sumOf(counts, 'lookups'),
    leaderFlights: sumOf(counts, 'leader'),
    followerFlights: sumOf(counts, 'follower'),
    stops: stopsOf(counts),
  };
}

/** All clients ask at once for what has just expired; when two servers follow the third the upstream says that it has not changed, for an hour. */
export async function atExpiry(clients: number): Promise<ExpiryReport> {
  await using parts = new AsyncDisposableStack();
  const stale = await startStale('max-age=1', parts);
  const { upstream } = stale;
  upstream.set({ cacheControl: 'max-age=3600', latencyMs: 300 });
  upstream.hold();
  const storming = askAtOnce(stale, clients);
  await untilFollowed(stale);
  upstream.release();
  return await reportOf(await storming, stale, upstream.answered);
}

/**
 * All clients ask for what may be used while it is revalidated, before an upstream that answers nobody until they all have their answers.
 * Should one of them wait for it, none of this ends.
 */
export async function whileRevalidating(clients: number): Promise<ExpiryReport> {
  await using parts = new AsyncDisposableStack();
  const stale = await startStale('max-age=1, stale-while-revalidate=3600', parts);
  const { mesh, upstream } = stale;
  upstream.hold();
  const storms = await askAtOnce(stale, clients);
  const answeredMeanwhile = upstream.answered;
  // Each server refreshes behind its answers.
  await untilFollowed(stale);
  upstream.set({ cacheControl: 'max-age=3600' });
  upstream.release();
  await eventually(async () => {
    const { headers } = await curl(`${upstream.url}${TARGET}`, mesh.proxyUrl());
    const status = String(headers['cache-status']);
    if (upstream.answered === 0 || status.includes('stale')) throw new Error(`not refreshed: ${status}`);
  });
  return await reportOf(storms, stale, answeredMeanwhile);
}
