/** What happens to clients while Redis does not do what it should, with two servers, two proxies and a light load: nothing. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { redisFaults, slowLoad } from '../fixture/redis-faults.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import type { SealedUpstream } from '../fixture/sealed-upstream.ts';
import { SteadyLoad } from '../load/steady-load.ts';

// Several processes start for each test, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

/** Small ones ride in the manifest, large ones have partitions. */
const TARGETS = Array.from({ length: 24 }, (_, index) => `/${index % 3 === 0 ? 900_000 : 3000}/t${index}`);
const CLIENTS = 8;
/** Answers while the fault lasts. */
const ANSWERS = 150;
const FAULTS = redisFaults('4mb');

/** Where leases, generations and jobs have a Redis of their own, these go wrong with it alone; it holds nothing that may be lost quietly. */
const OF_CONTROL = ['is stopped', 'hangs', 'is full and refuses to evict', 'takes no writes', 'is emptied'];

describe.each([
  ['Redis', Object.keys(FAULTS)],
  ['the Redis for control', OF_CONTROL],
] as const)('while %s', (which, names) => {
  const hasControl = which !== 'Redis';
  let upstream: SealedUpstream;
  let mesh: Mesh;
  beforeAll(async () => {
    // So short that there is something to fetch and to store at every moment.
    upstream = await startSealedUpstream({ cacheControl: 'max-age=1' });
    mesh = await startMesh({
      store: 'redis',
      hasControl,
      servers: 2,
      proxies: 2,
      redisArgs: slowLoad(1000),
      redisSettings: { memoryTierBytesMax: 0, commandTimeoutMs: '300ms' },
      config: {
        upstreams: { sealed: { url: upstream.url } },
        proxy: { nearCacheBytesMax: 0 },
        // A busy machine may be silent for longer than a server should be.
        limits: { ackTimeoutMs: '5s', heartbeatMs: '3s' },
      },
    });
  });
  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  const startLoad = (): SteadyLoad =>
    new SteadyLoad({
      upstream,
      targets: TARGETS,
      proxyUrls: [mesh.proxyUrl(0), mesh.proxyUrl(1)],
      clients: CLIENTS,
      random: Math.random,
    });

  /** What one server stores, the other has. */
  const isWell = async (): Promise<void> => {
    const url = `${upstream.url}/900000/well-${Math.random()}`;
    upstream.set({ cacheControl: 'max-age=60' });
    await curl(url, mesh.proxyUrl(0));
    await eventually(async () => {
      const { headers } = await curl(url, mesh.proxyUrl(1));
      expect(headers['cache-status']).toContain('pannier-server; hit');
      expect(upstream.asked.get(new URL(url).pathname)).toBe(1);
    }, 2000);
    upstream.set({ cacheControl: 'max-age=1' });
  };

  it.each(names)(
    '%s, no client sees an error or a wrong byte, and afterwards all is as before',
    async (name) => {
      const redis = hasControl ? mesh.control : mesh.redis;
      const fault = FAULTS[name];
      if (redis === undefined || fault === undefined) throw new Error('no Redis');
      await using load = startLoad();
      await load.moreAnswers(ANSWERS / 2);
      upstream.publish();
      await fault.begin(redis);
      try {
        await load.moreAnswers(ANSWERS / 2);
        upstream.publish();
        await load.moreAnswers(ANSWERS / 2);
      } finally {
        await fault.end(redis);
      }
      await load.moreAnswers(ANSWERS / 2);
      expect(load.report).toMatchObject({ wrong: [], failures: {} });
      await eventually(isWell);
      for (const server of mesh.servers)
        expect((await fetch(`http://${server.listening['admin']}/livez`)).status).toBe(200);
    },
  );
});

it('when Redis becomes full while fetches are under way, nobody waits for what their leader cannot tell', async () => {
  await using mesh = await startMesh({
    store: 'redis',
    hasControl: true,
    servers: 2,
    proxies: 2,
    isPinned: true,
    config: { proxy: { nearCacheBytesMax: 0 }, limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' } },
  });
  await mesh.control?.configSet('maxmemory-policy', 'noeviction');
  const urls = Array.from(
    { length: 6 },
    (_, index) =>
      `${mesh.upstream.url}/generated/${index % 2 === 0 ? 3000 : 900_000}?latencyMs=2000&n=${index}`,
  );
  const all = urls.flatMap((url) => [0, 1].map(async (proxy) => await curl(url, mesh.proxyUrl(proxy))));
  await eventually(() => expect(mesh.upstream.stats().total).toBe(urls.length));
  await mesh.control?.configSet('maxmemory', 1);
  for (const { status } of await Promise.all(all)) expect(status).toBe(200);
  // The leases of those fetches are nobody's: whoever comes next does not wait for them either.
  const next = urls.flatMap((url) => [0, 1].map(async (proxy) => await curl(url, mesh.proxyUrl(proxy))));
  for (const { status } of await Promise.all(next)) expect(status).toBe(200);
});
