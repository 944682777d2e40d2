import { expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { startRedisCluster } from '../fixture/redis-cluster.ts';
import { startRedisSentinel } from '../fixture/redis-sentinel.ts';

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

/** Fetches, breaks a master, and goes on asking: every answer is right, and in the end they come from the cache again. */
async function survives(mesh: Mesh, breaks: () => Promise<void>): Promise<void> {
  const url = `${mesh.upstream.url}/cities.json`;
  const { sha256 } = await curl(url, mesh.proxyUrl());
  await eventually(async () => await expectHit(mesh, url, sha256));
  await breaks();
  for (let round = 0; round < 10; round += 1) {
    expect((await curl(url, mesh.proxyUrl())).sha256).toBe(sha256);
    expect((await curl(`${mesh.upstream.url}/small?id=${round}`, mesh.proxyUrl())).status).toBe(200);
  }
  const fresh = `${mesh.upstream.url}/small?id=after`;
  const first = await curl(fresh, mesh.proxyUrl());
  await eventually(async () => await expectHit(mesh, fresh, first.sha256));
  // Another process has nothing in its memory, and has to learn first that nothing was invalidated.
  await mesh.server.restart();
  await eventually(async () => await expectHit(mesh, fresh, first.sha256));
}

it('keeps entries in a Redis Cluster, and a master that dies costs no client an error', async () => {
  await using cluster = await startRedisCluster();
  const redisSettings = { url: undefined, cluster: [...cluster.urls] };
  await using mesh = await startMesh({ store: 'redis', redisSettings, config: NO_NEAR_CACHE });
  await survives(mesh, async () => await cluster.nodes[1]!.kill9());
});

it('keeps entries under sentinels, and a master that dies costs no client an error', async () => {
  await using under = await startRedisSentinel();
  const sentinel = { name: under.name, nodes: [...under.nodes] };
  const redisSettings = { url: undefined, sentinel };
  await using mesh = await startMesh({ store: 'redis', redisSettings, config: NO_NEAR_CACHE });
  await survives(mesh, async () => await (await under.master()).kill9());
});

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
