/** One entry goes stale under many clients: one condition for all of them, and where staleness is allowed nobody waits for it. */
import { setTimeout as delay } from 'node:timers/promises';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import type { SealedUpstream } from '../fixture/sealed-upstream.ts';
import { storm } from './storm-client.ts';
import type { StormReport } from './storm-client.ts';

/** What it showed. */
export interface ExpiryReport extends StormReport {
  /** Requests that the upstream got once the entry was stale. */
  readonly asked: number;
  /** Those of them with a condition. */
  readonly conditional: number;
  /** Answers that the upstream had given when the last client had its own. */
  readonly answeredMeanwhile: number;
}

/** A mesh whose servers all have one entry, which is stale. */
interface Stale {
  readonly mesh: Mesh;
  readonly upstream: SealedUpstream;
}

const TARGET = '/20000/one';
const PROXIES = 3;
const LIMITS = { ackTimeoutMs: '10s', heartbeatMs: '5s' };
/** More than `max-age=1` and whatever is rounded up on the way; waiting longer makes it no staler. */
const STALE_AFTER_MS = 2500;

async function startStale(cacheControl: string, parts: AsyncDisposableStack): Promise<Stale> {
  const upstream = parts.use(await startSealedUpstream({ cacheControl }));
  const config = { upstreams: { sealed: { url: upstream.url } }, limits: LIMITS };
  // Each proxy asks a server of its own, so that the entry has callers on all of them.
  const mesh = parts.use(
    await startMesh({ store: 'redis', servers: 3, proxies: PROXIES, isPinned: true, config }),
  );
  for (let proxy = 0; proxy < PROXIES; proxy += 1)
    await curl(`${upstream.url}${TARGET}`, mesh.proxyUrl(proxy));
  await delay(STALE_AFTER_MS);
  upstream.reset();
  return { mesh, upstream };
}

async function askAtOnce({ mesh, upstream }: Stale, clients: number): Promise<StormReport> {
  const requests = Array.from({ length: clients }, (_, client) => ({
    upstreamUrl: upstream.url,
    target: TARGET,
    proxyUrl: mesh.proxyUrl(client % PROXIES),
  }));
  return await storm(requests, clients);
}

function reportOf(storms: StormReport, { upstream }: Stale, answeredMeanwhile: number): ExpiryReport {
  const asked = upstream.asked.get(TARGET) ?? 0;
  return { ...storms, asked, conditional: upstream.conditional, answeredMeanwhile };
}

/** All clients ask at once for what has just expired; the upstream says that it has not changed, and is good for an hour. */
export async function atExpiry(clients: number): Promise<ExpiryReport> {
  await using parts = new AsyncDisposableStack();
  const stale = await startStale('max-age=1', parts);
  stale.upstream.set({ cacheControl: 'max-age=3600', latencyMs: 300 });
  const storms = await askAtOnce(stale, clients);
  return reportOf(storms, stale, stale.upstream.answered);
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
  upstream.set({ cacheControl: 'max-age=3600' });
  upstream.release();
  await eventually(async () => {
    const { headers } = await curl(`${upstream.url}${TARGET}`, mesh.proxyUrl());
    const status = String(headers['cache-status']);
    if (upstream.answered === 0 || status.includes('stale')) throw new Error(`not refreshed: ${status}`);
  });
  return reportOf(storms, stale, answeredMeanwhile);
}
