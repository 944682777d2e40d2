import { expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh, MeshOptions } from '../fixture/mesh.ts';
import { startRedisCluster } from '../fixture/redis-cluster.ts';
import { startRedisSentinel } from '../fixture/redis-sentinel.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import { SteadyLoad } from '../load/steady-load.ts';

const NO_NEAR_CACHE = { proxy: { nearCacheBytesMax: 0 } };

/** One answer from the cache by way of Redis, without a request to the upstream. */
async function expectHit(mesh: Mesh, url: string, sha256: string): Promise<void> {
  const before = mesh.upstream.stats().total;
  const answer = await curl(url, mesh.proxyUrl());
  expect(answer.status).toBe(200);
  expect(answer.sha256).toBe(sha256);
  expect(answer.headers['cache-status']).toContain('pannier-server; hit');
  expect(mesh.upstream.stats().total).toBe(before);
}

/** Small ones ride in the manifest, large ones have partitions. */
const TARGETS = Array.from({ length: 24 }, (_, index) => `/${index % 3 === 0 ? 900_000 : 3000}/t${index}`);
/** Answers before a master is broken, while it is missed, and after another one has taken its place. */
const ANSWERS = 100;
/** Until another node is the master; the fixtures take one for dead after 1.5 s. */
const FAILOVER_WITHIN_MS = 45_000;
/** Several processes start, on a machine that may be busy with other things. */
const TIMEOUT_MS = 180_000;

/** Two servers over the Redis, and two proxies. */
async function startServers(redisSettings: MeshOptions['redisSettings'], sealedUrl: string): Promise<Mesh> {
  return await startMesh({
    store: 'redis',
    servers: 2,
    proxies: 2,
    redisSettings: { ...redisSettings, memoryTierBytesMax: 0 },
    config: {
      ...NO_NEAR_CACHE,
      upstreams: { sealed: { url: sealedUrl } },
      // A busy machine may be silent for longer than a server should be.
      limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' },
    },
  });
}

/**
 * Clients ask at both servers while a master breaks and another one takes its place: every answer is right, and in the end they
 * come from the cache again.
 */
async function survives(
  redisSettings: MeshOptions['redisSettings'],
  failOver: (goOn: () => Promise<void>) => Promise<void>,
): Promise<void> {
  // So short that there is something to fetch and to store at every moment.
  await using upstream = await startSealedUpstream({ cacheControl: 'max-age=1' });
  await using mesh = await startServers(redisSettings, upstream.url);
  const proxyUrls = [mesh.proxyUrl(0), mesh.proxyUrl(1)];
  const fresh = `${mesh.upstream.url}/small?id=after`;
  {
    await using load = new SteadyLoad({
      upstream,
      targets: TARGETS,
      proxyUrls,
      clients: 8,
      random: Math.random,
    });
    await load.moreAnswers(ANSWERS);
    expect(load.report).toMatchObject({ wrong: [], failures: {} });
    await failOver(async () => await load.moreAnswers(ANSWERS));
    upstream.publish();
    await load.moreAnswers(ANSWERS);
    expect(load.report).toMatchObject({ wrong: [], failures: {} });
    const first = await curl(fresh, mesh.proxyUrl());
    await eventually(async () => await expectHit(mesh, fresh, first.sha256));
  }
  const { sha256 } = await curl(fresh, mesh.proxyUrl());
  // Another process has nothing in its memory, and has to learn first that nothing was invalidated.
  await Promise.all([mesh.restart(0), mesh.restart(1)]);
  await eventually(async () => await expectHit(mesh, fresh, sha256));
}

it(
  'keeps entries in a Redis Cluster, and a master that dies costs no client an error',
  async () => {
    await using cluster = await startRedisCluster();
    const dying = cluster.nodes[1];
    await survives({ url: undefined, cluster: [...cluster.urls] }, async (goOn) => {
      await dying?.kill9();
      await goOn();
      // Three masters again, and so without the dead one.
      await eventually(async () => expect(await cluster.masters()).toHaveLength(3), FAILOVER_WITHIN_MS);
    });
  },
  TIMEOUT_MS,
);

it(
  'keeps entries under sentinels, and a master that dies costs no client an error',
  async () => {
    await using under = await startRedisSentinel();
    const sentinel = { name: under.name, nodes: [...under.nodes] };
    await survives({ url: undefined, sentinel }, async (goOn) => {
      const dying = await under.master();
      await dying.kill9();
      await goOn();
      await eventually(
        async () => expect((await under.master()).port).not.toBe(dying.port),
        FAILOVER_WITHIN_MS,
      );
    });
  },
  TIMEOUT_MS,
);

it('answers from memory while Redis is down, and tells how often', async () => {
  await using mesh = await startMesh({ store: 'redis', config: NO_NEAR_CACHE });
  const { redis } = mesh;
  if (redis === undefined) throw new Error('no Redis');
  const url = `${mesh.upstream.url}/small?id=1`;
  const { sha256 } = await curl(url, mesh.proxyUrl());
  await eventually(async () => await expectHit(mesh, url, sha256));
  await redis.kill9();
  for (let round = 0; round < 5; round += 1) {
    const answer = await curl(url, mesh.proxyUrl());
    expect(answer.sha256).toBe(sha256);
  }
  const metrics = await (await fetch(`http://${mesh.server.listening['admin']}/metrics`)).text();
  expect(metrics).toMatch(/pannier_server_store_hits_total\{[^}]*what="manifest",tier="memory"[^}]*\} [1-9]/);
  await redis.restart();
  await eventually(async () => {
    const other = `${mesh.upstream.url}/small?id=2`;
    const first = await curl(other, mesh.proxyUrl());
    await expectHit(mesh, other, first.sha256);
    expect(Number(await redis.command('DBSIZE'))).toBeGreaterThan(0);
  });
});
