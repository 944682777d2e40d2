import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';

it('without a cache server, concurrent callers of one proxy share one fetch', async () => {
  await using mesh = await startMesh();
  await mesh.server.kill9();
  const url = `${mesh.upstream.url}/generated/5000000?maxAge=60&seed=1&bytesPerSecond=4000000`;
  const direct = await curl(url);
  const before = mesh.upstream.stats().total;
  const answers = await Promise.all(
    Array.from({ length: 100 }, async () => await curl(url, mesh.proxyUrl())),
  );
  for (const { sha256, status } of answers) expect([status, sha256]).toEqual([200, direct.sha256]);
  expect(answers.filter(({ headers }) => headers['cache-status']?.includes('collapsed')).length).toBe(99);
  expect(mesh.upstream.stats().total - before).toBe(1);
});

it('without a cache server, a response that is private goes to each caller by itself', async () => {
  await using mesh = await startMesh();
  await mesh.server.kill9();
  const url = `${mesh.upstream.url}/headers?cache-control=private`;
  const answers = await Promise.all(Array.from({ length: 5 }, async () => await curl(url, mesh.proxyUrl())));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(mesh.upstream.stats().total).toBeGreaterThanOrEqual(5);
});

it('without a cache server, a client that leaves does not end the fetch of another', async () => {
  await using mesh = await startMesh();
  await mesh.server.kill9();
  const url = `${mesh.upstream.url}/generated/3000000?maxAge=60&seed=2&bytesPerSecond=2000000`;
  const direct = await curl(url);
  const before = mesh.upstream.stats().total;
  const leaver = new AbortController();
  const first = curl(url, mesh.proxyUrl(), { signal: leaver.signal }).catch(() => 'left');
  await delay(200);
  const second = curl(url, mesh.proxyUrl());
  await delay(200);
  leaver.abort();
  expect(await first).toBe('left');
  expect((await second).sha256).toBe(direct.sha256);
  expect(mesh.upstream.stats().total - before).toBe(1);
});

it('gives a stale answer while nobody can be asked, and says so', async () => {
  await using mesh = await startMesh({
    // A busy machine may be silent for longer than a server should be.
    config: { proxy: { fallback: 'stale-only' }, limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' } },
  });
  const url = `${mesh.upstream.url}/small?id=1&maxAge=1`;
  const fresh = await curl(url, mesh.proxyUrl());
  await mesh.server.kill9();
  await eventually(async () => {
    const stale = await curl(url, mesh.proxyUrl());
    expect(stale.headers['cache-status']).toMatch(/pannier-proxy; hit; ttl=-\d+; detail=stale/);
    expect(stale.sha256).toBe(fresh.sha256);
  });
  const unknown = await curl(`${mesh.upstream.url}/small?id=2`, mesh.proxyUrl());
  expect(unknown.status).toBe(503);
});
