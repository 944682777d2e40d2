/** Everything restarts at once and Redis is empty: many keys, many clients each, and an upstream that must not feel it. */
import { startMesh } from '../fixture/mesh.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import { storm } from './storm-client.ts';
import type { StormReport } from './storm-client.ts';

/** How large. */
export interface ColdRestartSize {
  readonly keys: number;
  readonly clientsPerKey: number;
  /** Requests under way at once. */
  readonly atOnce: number;
}

/** What it showed. */
export interface ColdRestartReport extends StormReport {
  /** The most requests that the upstream got for one key. */
  readonly fetchesPerKeyMax: number;
  /** Keys that the upstream was asked for. */
  readonly keysFetched: number;
  /** Keys that it was asked for more than once. */
  readonly keysFetchedAgain: number;
  /** Requests that only asked whether something had changed. */
  readonly conditional: number;
  /** The most requests that the upstream had under way at once, which CONCURRENCY_MAX limits. */
  readonly underWayMax: number;
}

/** Fetches from the upstream under way at once, of all servers together. */
export const CONCURRENCY_MAX = 16;
const BODY_BYTES = 2000;
const SERVERS = 3;

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
    config: {
      upstreams: { sealed: { url: upstream.url, concurrencyMax: CONCURRENCY_MAX, queueTimeoutMs: '5m' } },
      limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' },
    },
  });
  const ask = (key: number, client: number) => ({
    upstreamUrl: upstream.url,
    target: `/${BODY_BYTES}/key-${key}`,
    proxyUrl: mesh.proxyUrl(client % SERVERS),
  });
  const everyKey = Array.from({ length: keys }, (_, key) => key);
  await storm(
    everyKey.map((key) => ask(key, key)),
    atOnce,
  );
  await Promise.all([...mesh.servers, ...mesh.proxies].map(async (process) => await process.kill9()));
  await mesh.redis?.flushAll();
  await Promise.all([...mesh.servers, ...mesh.proxies].map(async (process) => await process.restart()));
  upstream.reset();
  const report = await storm(
    everyKey.flatMap((key) => Array.from({ length: clientsPerKey }, (_, client) => ask(key, client))),
    atOnce,
  );
  const fetches = [...upstream.asked.values()];
  return {
    ...report,
    fetchesPerKeyMax: fetches.reduce((most, count) => Math.max(most, count), 0),
    keysFetched: fetches.length,
    keysFetchedAgain: fetches.filter((count) => count > 1).length,
    conditional: upstream.conditional,
    underWayMax: upstream.underWayMax,
  };
}
