/** What a proxy asks an upstream by itself while no cache server answers, where it is told to keep to its part of the upstream's limits. */
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { startCountingUpstream } from './counting-upstream.ts';

type Answer = Awaited<ReturnType<typeof curl>>;

async function startLimited(url: string, settings: object): Promise<Mesh> {
  return await startMesh({
    config: {
      upstreams: { busy: { url, fallback: 'limited', ...settings } },
      proxy: { fallbackProxies: 5 },
      // A busy machine may be silent for longer than a server should be.
      limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' },
    },
  });
}

test('a proxy asks for no more at once than its part, shares what it asks, and nobody is refused', async () => {
  await using upstream = await startCountingUpstream({ delayMs: 30 });
  await using mesh = await startLimited(upstream.url, { concurrencyMax: 20 });
  await mesh.server.kill9();
  const urls = Array.from({ length: 60 }, (_, index) => `${upstream.url}/${index % 40}`);
  const answers = await Promise.all(urls.map(async (url) => await curl(url, mesh.proxyUrl())));
  expect(answers.map(({ status }) => status)).toEqual(urls.map(() => 200));
  for (const [index, { body }] of answers.entries()) expect(body.toString()).toBe(`body of /${index % 40}`);
  expect(upstream.arrivals.length).toBeGreaterThanOrEqual(40);
  expect(upstream.underWayMax).toBe(4);
});

test('what may not be shared keeps to the same part', async () => {
  await using upstream = await startCountingUpstream({ delayMs: 30 });
  upstream.answer = (_, response) => void response.writeHead(200, { 'cache-control': 'private' }).end('mine');
  await using mesh = await startLimited(upstream.url, { concurrencyMax: 10 });
  await mesh.server.kill9();
  const asked = Array.from({ length: 20 }, async () => await curl(`${upstream.url}/me`, mesh.proxyUrl()));
  expect((await Promise.all(asked)).map(({ body }) => body.toString())).toEqual(asked.map(() => 'mine'));
  expect(upstream.arrivals.length).toBe(20);
  expect(upstream.underWayMax).toBe(2);
});

test('who finds the queue full gets what is stale, else 503 and when to come back', async () => {
  await using upstream = await startCountingUpstream();
  await using mesh = await startLimited(upstream.url, { concurrencyMax: 5, queueMax: 1 });
  upstream.answer = (_, response) =>
    // Long enough to be fresh when it arrives on a busy machine: else nothing is kept near.
    void response.writeHead(200, { 'cache-control': 'max-age=4' }).end('known');
  const known = `${upstream.url}/known`;
  expect((await curl(known, mesh.proxyUrl())).status).toBe(200);
  const held: ServerResponse[] = [];
  upstream.answer = (_, response) => void held.push(response);
  await mesh.server.kill9();
  const first = curl(`${upstream.url}/first`, mesh.proxyUrl());
  await eventually(() => expect(held).toHaveLength(1));
  const metrics = `http://${mesh.proxies[0]?.listening['admin']}/metrics`;
  // One of them may wait.
  const others = ['/a', '/b', '/c'].map(async (path) => await curl(upstream.url + path, mesh.proxyUrl()));
  const answered: Answer[] = [];
  for (const other of others) void other.then((answer) => answered.push(answer));
  await eventually(() => expect(answered).toHaveLength(2));
  for (const refused of answered) {
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    expect(refused.body.toString()).toContain("this proxy's part of its limits");
  }
  expect(await (await fetch(metrics)).text()).toMatch(/requests_total\{outcome="upstream-limited"\} 2$/m);
  await eventually(async () => {
    const stale = await curl(known, mesh.proxyUrl());
    expect(stale.headers['cache-status']).toContain('detail=stale');
    expect(stale.body.toString()).toBe('known');
  });
  held[0]?.end('late');
  await eventually(() => expect(held).toHaveLength(2));
  held[1]?.end('late');
  expect((await first).body.toString()).toBe('late');
  expect((await Promise.all(others)).map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    200, 503, 503,
  ]);
});
