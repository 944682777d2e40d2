/** What is fetched by the clock, by one of two servers over a real Redis. */
import { expect, test } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { startCountingUpstream } from './counting-upstream.ts';

test('what is due is fetched once for two servers, by condition, and is there before anybody asks', async () => {
  await using upstream = await startCountingUpstream();
  const conditions: (string | undefined)[] = [];
  upstream.answer = (request, response) => {
    conditions.push(request.headers['if-none-match']);
    const isKnown = request.headers['if-none-match'] === '"1"';
    const headers = { etag: '"1"', 'cache-control': 'max-age=600' };
    response.writeHead(isKnown ? 304 : 200, headers).end(isKnown ? undefined : 'rates');
  };
  const startedMs = Date.now();
  await using mesh = await startMesh({
    store: 'redis',
    servers: 2,
    // On a busy machine Redis is slow, which is not to be taken for away.
    redisSettings: { commandTimeoutMs: '20s' },
    config: {
      proxy: { nearCacheBytesMax: 0 },
      upstreams: { api: { url: upstream.url, refresh: [{ path: '/rates', every: '1s' }] } },
    },
  });
  await eventually(() => expect(conditions.length).toBeGreaterThanOrEqual(3));
  // Each time that was due is one request at most, however many servers there are.
  expect(upstream.asked('/rates')).toBeLessThanOrEqual((Date.now() - startedMs) / 1000 + 1);
  expect(conditions.slice(0, 3)).toEqual([undefined, '"1"', '"1"']);
  const answer = await curl(`${upstream.url}/rates`, mesh.proxyUrl());
  expect(answer.body.toString()).toBe('rates');
  expect(answer.headers['cache-status']).toContain('pannier-server; hit');
});
