import { expect, it } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { openSealed } from '../fixture/sealed-body.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';

const BYTES = 3_000_000;
const TARGET = `/${BYTES}/shared`;

it('without a cache server, concurrent callers of one proxy share one fetch', async () => {
  await using upstream = await startSealedUpstream();
  await using mesh = await startMesh({ config: { upstreams: { sealed: { url: upstream.url } } } });
  await mesh.server.kill9();
  // Until all of them are there.
  upstream.holdBodiesAt(BYTES / 2);
  const answers = await Promise.all(
    Array.from({ length: 100 }, async () => await curlHead(upstream.url + TARGET, mesh.proxyUrl())),
  );
  upstream.release();
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(answers.map(() => 200));
  const bodies = await Promise.all(answers.map(async (answer) => Buffer.concat(await answer.toArray())));
  for (const body of bodies) expect(openSealed(TARGET, body)).toBe(1);
  expect(answers.filter(({ headers }) => headers['cache-status']?.includes('collapsed')).length).toBe(99);
  expect(upstream.asked.get(TARGET)).toBe(1);
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
  await using upstream = await startSealedUpstream();
  await using mesh = await startMesh({ config: { upstreams: { sealed: { url: upstream.url } } } });
  await mesh.server.kill9();
  upstream.holdBodiesAt(BYTES / 2);
  const leaver = new AbortController();
  const first = await curlHead(upstream.url + TARGET, mesh.proxyUrl(), { signal: leaver.signal });
  const second = await curlHead(upstream.url + TARGET, mesh.proxyUrl());
  leaver.abort();
  await expect(first.toArray()).rejects.toThrow(/aborted/);
  upstream.release();
  expect(openSealed(TARGET, Buffer.concat(await second.toArray()))).toBe(1);
  expect(upstream.asked.get(TARGET)).toBe(1);
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
