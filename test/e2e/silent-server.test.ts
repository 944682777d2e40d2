/** The only cache server, or its Redis, falls silent: it holds its connections and does nothing. Clients get the right bytes, and it is used again by itself. */
import { expect, it, vi } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { IMPATIENT, startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { sumOfMetric } from '../fixture/metrics-page.ts';
import { openSealed } from '../fixture/sealed-body.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import type { SealedUpstream } from '../fixture/sealed-upstream.ts';
import { SteadyLoad } from '../load/steady-load.ts';
import { STORES } from './stores.ts';

// Several processes start for each test, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const BYTES = 3_000_000;
const TARGETS = Array.from({ length: 12 }, (_, index) => `/${index % 3 === 0 ? 900_000 : 3000}/t${index}`);

interface SilentMesh extends AsyncDisposable {
  readonly upstream: SealedUpstream;
  readonly mesh: Mesh;
}

/** Where it matters that the server is used until it hangs: a busy machine may be silent for longer than a server should be. */
const PATIENT = { ackTimeoutMs: '10s', heartbeatMs: '3s' };

async function startSilentMesh(
  store: 'embedded' | 'redis',
  limits: typeof PATIENT = PATIENT,
): Promise<SilentMesh> {
  const parts = new AsyncDisposableStack();
  // So short that there is something to fetch and to store at every moment.
  const upstream = parts.use(await startSealedUpstream({ cacheControl: 'max-age=1' }));
  const config = { upstreams: { sealed: { url: upstream.url } }, proxy: { nearCacheBytesMax: 0 }, limits };
  const mesh = parts.use(await startMesh({ store, config, redisSettings: { memoryTierBytesMax: 0 } }));
  return { upstream, mesh, [Symbol.asyncDispose]: async () => await parts.disposeAsync() };
}

function startLoad({ upstream, mesh }: SilentMesh): SteadyLoad {
  const proxyUrls = [mesh.proxyUrl()];
  return new SteadyLoad({ upstream, targets: TARGETS, proxyUrls, clients: 8, random: Math.random });
}

/** Something new comes by way of the server, which keeps it. */
async function isUsed({ upstream, mesh }: SilentMesh): Promise<void> {
  const url = `${upstream.url}/900000/new-${Math.random()}`;
  upstream.set({ cacheControl: 'max-age=60' });
  const first = await curl(url, mesh.proxyUrl());
  expect(first.headers['cache-status']).toContain('pannier-server');
  await eventually(async () => {
    const { headers, sha256 } = await curl(url, mesh.proxyUrl());
    expect(headers['cache-status']).toContain('pannier-server; hit');
    expect(sha256).toBe(first.sha256);
  }, 2000);
}

async function directly({ mesh: { proxies } }: SilentMesh): Promise<number> {
  const [proxy] = proxies;
  return proxy === undefined
    ? 0
    : await sumOfMetric(proxy, 'pannier_proxy_requests_total', { outcome: 'direct' });
}

it.each(STORES)(
  'while the only server hangs, on the %s store, every client gets the right bytes from the upstream, and afterwards by way of the server',
  async (store) => {
    await using silent = await startSilentMesh(store, IMPATIENT);
    const { upstream, mesh } = silent;
    {
      await using load = startLoad(silent);
      await load.moreAnswers(60);
      await mesh.stop(0);
      upstream.publish();
      const before = await directly(silent);
      await load.moreAnswers(100);
      expect(await directly(silent)).toBeGreaterThan(before);
      mesh.cont(0);
      await load.moreAnswers(60);
      expect(load.report).toMatchObject({ wrong: [], failures: {} });
    }
    await eventually(async () => await isUsed(silent));
  },
);

it('a body that is under way when the only server hangs is finished from the upstream while it does', async () => {
  await using silent = await startSilentMesh('embedded');
  const { upstream, mesh } = silent;
  const target = `/${BYTES}/under-way`;
  upstream.holdBodiesAt(BYTES / 2);
  const response = await curlHead(`${upstream.url}${target}`, mesh.proxyUrl());
  expect(response.headers['cache-status']).toContain('pannier-server');
  const chunks: Buffer[] = [];
  let bytes = 0;
  let isStopped = false;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes < BYTES / 4 || isStopped) continue;
    isStopped = true;
    await mesh.stop(0);
    upstream.release();
  }
  expect(isStopped).toBe(true);
  expect(openSealed(target, Buffer.concat(chunks))).toBe(1);
  expect(upstream).toMatchObject({ ranges: 1, parts: 1 });
  mesh.cont(0);
  await eventually(async () => await isUsed(silent));
});

it('a body that is under way when the only server hangs, and cannot be finished, breaks off while it does', async () => {
  await using silent = await startSilentMesh('embedded');
  const { upstream, mesh } = silent;
  upstream.holdBodiesAt(BYTES / 2);
  const response = await curlHead(`${upstream.url}/${BYTES}/under-way`, mesh.proxyUrl());
  expect(response.headers['cache-status']).toContain('pannier-server');
  await mesh.stop(0);
  upstream.publish();
  upstream.release();
  await expect(response.toArray()).rejects.toThrow(/aborted|ECONNRESET/);
  mesh.cont(0);
  await eventually(async () => await isUsed(silent));
});

it.each(['hung', 'stopped'])('a Redis that has %s is used again by itself when it is back', async (how) => {
  await using silent = await startSilentMesh('redis');
  const { mesh } = silent;
  const { redis } = mesh;
  if (redis === undefined) throw new Error('no Redis');
  await eventually(async () => await isUsed(silent));
  await using load = startLoad(silent);
  await load.moreAnswers(30);
  await (how === 'hung' ? redis.pause() : redis.kill9());
  await load.moreAnswers(60);
  await (how === 'hung' ? redis.resume() : redis.restart());
  await redis.flushAll();
  const sinceMs = performance.now();
  await eventually(async () => {
    expect(await redis.command('KEYS', '*:frame:*')).not.toEqual([]);
    await isUsed(silent);
  });
  console.info(`Redis was used again within ${Math.round(performance.now() - sinceMs)} ms`);
  expect(load.report).toMatchObject({ wrong: [], failures: {} });
});
