/** Everything restarts at once and Redis is empty: many keys, many clients each, and an upstream that must not feel it. */
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { pinnedClients } from '../fixture/pinned-clients.ts';
import type { PinnedClients } from '../fixture/pinned-clients.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import type { SealedUpstream } from '../fixture/sealed-upstream.ts';
import { countsOf, stopsOf, sumOf } from '../fixture/server-counts.ts';
import { joined, storm } from './storm-client.ts';
import type { StormReport, StormRequest } from './storm-client.ts';

/** How large. */
export interface ColdRestartSize {
  readonly keys: number;
  readonly clientsPerKey: number;
  /** Requests under way at once. */
  readonly atOnce: number;
}

/** What the servers saw of it. */
interface Arrivals {
  /** Requests that arrived at servers. */
  readonly lookups: number;
  /** Flights of servers that followed another server's. */
  readonly followerFlights: number;
  /** Leases that ended before their flights, because a server or Redis did not run for seconds: what alone may cost a key another fetch. */
  readonly stops: number;
}

/** What it showed. */
export interface ColdRestartReport extends StormReport, Arrivals {
  /** The most requests that the upstream got for one key. */
  readonly fetchesPerKeyMax: number;
  /** Keys that the upstream was asked for. */
  readonly keysFetched: number;
  /** Requests for keys that it had been asked for before. */
  readonly fetchesAgain: number;
  /** Keys that it was asked for more than once. */
  readonly keysFetchedAgain: number;
  /** Requests that only asked whether something had changed. */
  readonly conditional: number;
  /** The most requests that the upstream had under way at once, which CONCURRENCY_MAX limits. */
  readonly underWayMax: number;
  /** Keys whose clients were all there before the upstream answered anything. */
  readonly keysFollowed: number;
}

/** Fetches from the upstream under way at once, of all servers together. */
export const CONCURRENCY_MAX = 16;
const BODY_BYTES = 2000;
const SERVERS = 3;
const FOLLOWED_KEYS = 5;
const TOGETHER_WITHIN_MS = 120_000;

interface Requests {
  readonly mesh: Mesh;
  readonly upstream: SealedUpstream;
}

/** The first client of each server goes through its proxy; the others ask it directly, for a proxy would ask once for all of them. */
function request(
  { mesh, upstream }: Requests,
  { key, client, clients }: { key: number; client: number; clients: PinnedClients },
): StormRequest {
  const server = client % SERVERS;
  const via = client < SERVERS ? mesh.proxyUrl(server) : clients.of(server, key);
  return { upstreamUrl: upstream.url, target: `/${BODY_BYTES}/key-${key}`, via };
}

/** Kills all of it, starts it on the same ports, and takes from Redis what it had. */
async function restartAll({ servers, proxies, redis }: Mesh): Promise<void> {
  await Promise.all([...servers, ...proxies].map(async (process) => await process.kill9()));
  await redis?.flushAll();
  await Promise.all([...servers, ...proxies].map(async (process) => await process.restart()));
}

/** Fills a mesh of three servers, restarts all of it, empties Redis, and lets all clients ask. */
export async function coldRestart({
  keys,
  clientsPerKey,
  atOnce,
}: ColdRestartSize): Promise<ColdRestartReport> {
  // Slow enough that those who ask for one key meet.
  await using upstream = await startSealedUpstream({ latencyMs: 20 });
  await using mesh = await startMesh({
    store: 'redis',
    servers: SERVERS,
    proxies: SERVERS,
    // Each proxy asks a server of its own, so that every key has callers on all of them.
    isPinned: true,
    // On a busy machine Redis is slow, which is not to be taken for away.
    redisSettings: { commandTimeoutMs: '20s' },
    config: {
      upstreams: { sealed: { url: upstream.url, concurrencyMax: CONCURRENCY_MAX, queueTimeoutMs: '5m' } },
      limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' },
    },
  });
  const addresses = mesh.servers.map((_, server) => mesh.serverAddress(server));
  using clients = pinnedClients(addresses, atOnce + FOLLOWED_KEYS * clientsPerKey);
  const asked = { mesh, upstream };
  const requests = Array.from({ length: keys * clientsPerKey }, (_, index) => {
    const [key, client] = [Math.floor(index / clientsPerKey), index % clientsPerKey];
    return request(asked, { key, client, clients });
  });
  await storm(
    Array.from({ length: keys }, (_, key) => request(asked, { key, client: key % SERVERS, clients })),
    atOnce,
  );
  await restartAll(mesh);
  upstream.reset();
  // The first keys are answered when those who ask for them have met, on all servers; few, so that nobody has to wait for long.
  upstream.hold();
  const keysFollowed = Math.min(keys, FOLLOWED_KEYS);
  const meeting = requests.slice(0, keysFollowed * clientsPerKey);
  const met = storm(meeting, meeting.length);
  await eventually(async () => {
    const followed = sumOf(await countsOf(mesh.servers), 'follower');
    if (followed < keysFollowed * (SERVERS - 1))
      throw new Error(`${followed} flights follow, of ${keysFollowed} keys`);
  }, TOGETHER_WITHIN_MS);
  upstream.release();
  const rest = await storm(requests.slice(meeting.length), atOnce);
  return { ...joined(await met, rest), ...fetchesOf(upstream), keysFollowed, ...(await arrivalsOf(mesh)) };
}

function fetchesOf({
  asked,
  conditional,
  underWayMax,
}: SealedUpstream): Omit<ColdRestartReport, keyof StormReport | 'keysFollowed' | keyof Arrivals> {
  const fetches = [...asked.values()];
  return {
    fetchesPerKeyMax: fetches.reduce((most, count) => Math.max(most, count), 0),
    keysFetched: fetches.length,
    fetchesAgain: fetches.reduce((sum, count) => sum + count - 1, 0),
    keysFetchedAgain: fetches.filter((count) => count > 1).length,
    conditional,
    underWayMax,
  };
}

async function arrivalsOf({ servers }: Mesh): Promise<Arrivals> {
  const counts = await countsOf(servers);
  return {
    lookups: sumOf(counts, 'lookups'),
    followerFlights: sumOf(counts, 'follower'),
    stops: stopsOf(counts),
  };
}
