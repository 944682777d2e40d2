/** What a client sees whose upstream may not be asked: something stale, or 429 and 503 with Retry-After, and never a way around. */
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { curl } from '../fixture/curl.ts';
import type { CurlAnswer } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { startCountingUpstream } from './counting-upstream.ts';

const NO_NEAR = { nearCacheBytesMax: 0 };
/** Long enough that a breaker is still open when a busy machine comes to look at it. */
const OPEN_S = 8;

function fresh(response: ServerResponse): void {
  response.writeHead(200, { 'cache-control': 'max-age=60' }).end('well');
}

test('an upstream that answered 429 is left in peace by all servers, and what cannot be answered says when to come back', async () => {
  await using upstream = await startCountingUpstream();
  upstream.answer = ({ url }, response) => {
    if (url === '/limited') response.writeHead(429, { 'retry-after': '30' }).end('slowly');
    else response.writeHead(200, { 'cache-control': 'max-age=0' }).end('stored');
  };
  await using mesh = await startMesh({
    store: 'redis',
    servers: 2,
    config: { proxy: NO_NEAR, upstreams: { metered: { url: upstream.url, staleIfErrorMs: '1h' } } },
  });
  const get = async (path: string): Promise<CurlAnswer> => await curl(upstream.url + path, mesh.proxyUrl());
  expect((await get('/stored')).body.toString()).toBe('stored');
  const first = await get('/limited');
  expect([first.status, first.headers['retry-after']]).toEqual([429, '30']);
  // The other server has heard of it within a second; what it asked before is its own affair.
  await eventually(async () => {
    const before = upstream.arrivals.length;
    for (let path = 0; path < 20; path += 1) await get(`/limited?${Math.random()}`);
    expect(upstream.arrivals.length).toBe(before);
  });
  const other = await get('/other');
  expect(other.status).toBe(429);
  expect(Number(other.headers['retry-after'])).toBeGreaterThan(0);
  expect(Number(other.headers['retry-after'])).toBeLessThanOrEqual(30);
  expect(other.headers['cache-status']).toBe('pannier-proxy; detail=upstream-limited');
  expect(other.headers['cache-control']).toBe('no-store');
  const stale = await get('/stored');
  expect([stale.status, stale.body.toString()]).toEqual([200, 'stored']);
  expect(stale.headers['cache-status']).toContain('detail=stale-if-error');
  expect(upstream.asked('/stored')).toBe(1);
  expect(upstream.asked('/other')).toBe(0);
});

test('a cap whose queue is full answers 429, and the proxy does not ask around it', async () => {
  await using upstream = await startCountingUpstream();
  const held: (() => void)[] = [];
  upstream.answer = (_, response) => void held.push(() => fresh(response));
  await using mesh = await startMesh({
    config: {
      proxy: NO_NEAR,
      upstreams: { busy: { url: upstream.url, concurrencyMax: 1, queueMax: 1, queueTimeoutMs: '1m' } },
    },
  });
  const get = async (path: string): Promise<CurlAnswer> => await curl(upstream.url + path, mesh.proxyUrl());
  const running = get('/running');
  await eventually(() => expect(held.length).toBe(1));
  // Of two that come now, one waits and one is refused.
  const settled: number[] = [];
  const others = ['/one', '/two'].map(async (path) => settled.push((await get(path)).status));
  await eventually(() => expect(settled).toEqual([429]));
  expect(upstream.arrivals.length).toBe(1);
  upstream.answer = (_, response) => fresh(response);
  for (const answer of held) answer();
  await Promise.all([running, ...others]);
  expect(settled).toEqual([429, 200]);
  expect(upstream.underWayMax).toBe(1);
});

test('a breaker opens when the upstream keeps failing, answers 503 at once, and closes when it works again', async () => {
  await using upstream = await startCountingUpstream();
  upstream.answer = (_, response) => void response.writeHead(500).end('broken');
  await using mesh = await startMesh({
    config: {
      proxy: NO_NEAR,
      upstreams: { shaky: { url: upstream.url, breaker: { failures: 3, openMs: `${OPEN_S}s` } } },
    },
  });
  const get = async (): Promise<CurlAnswer> =>
    await curl(`${upstream.url}/${Math.random()}`, mesh.proxyUrl());
  for (let failure = 0; failure < 3; failure += 1) expect((await get()).status).toBe(500);
  const refused = await get();
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, expect.stringMatching(/^[1-8]$/)]);
  expect(refused.headers['cache-status']).toBe('pannier-proxy; detail=upstream-paused');
  expect(upstream.arrivals.length).toBe(3);
  const metrics = async (): Promise<string> =>
    await (await fetch(`http://${mesh.server.listening['admin']}/metrics`)).text();
  expect(await metrics()).toContain('pannier_server_upstream_breaker_state{upstream="shaky"} 2');
  upstream.answer = (_, response) => fresh(response);
  await eventually(async () => expect((await get()).status).toBe(200), 4 * OPEN_S * 1000);
  expect(await metrics()).toContain('pannier_server_upstream_breaker_state{upstream="shaky"} 0');
  expect(await metrics()).toMatch(
    /pannier_server_upstream_refused_total\{upstream="shaky",reason="breaker"\} [1-9]/,
  );
});

test('a connection that fails and a 503 are tried again, and the client sees the answer that came at last', async () => {
  await using upstream = await startCountingUpstream();
  upstream.answer = (_, response) => {
    if (upstream.arrivals.length === 1) response.destroy();
    else if (upstream.arrivals.length === 2) response.writeHead(503).end('not now');
    else fresh(response);
  };
  await using mesh = await startMesh({
    config: { upstreams: { shaky: { url: upstream.url, retries: { max: 2, firstDelayMs: 10 } } } },
  });
  const answer = await curl(`${upstream.url}/x`, mesh.proxyUrl());
  expect([answer.status, answer.body.toString()]).toEqual([200, 'well']);
  expect(upstream.arrivals.length).toBe(3);
});
