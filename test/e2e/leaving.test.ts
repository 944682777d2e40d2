/** Clients that leave or read slowly, and a server that is told to end: nobody else notices. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { openSealed } from '../fixture/sealed-body.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';

/** A busy machine may be silent for longer than a server should be. */
const PATIENT = { ackTimeoutMs: '10s', heartbeatMs: '5s', drainMs: '30s' };

async function bytesOf(body: AsyncIterable<unknown>): Promise<number> {
  let bytes = 0;
  for await (const chunk of body) bytes += (chunk as Buffer).length;
  return bytes;
}

test('the client whose request began a fetch leaves, and another one gets all of it', async () => {
  const target = '/3000000/left';
  await using upstream = await startSealedUpstream();
  const upstreams = { sealed: { url: upstream.url } };
  await using mesh = await startMesh({ config: { upstreams, limits: PATIENT } });
  // Until one has left, and the other is there.
  upstream.holdBodiesAt(1_500_000);
  const leaver = new AbortController();
  const first = await curlHead(upstream.url + target, mesh.proxyUrl(), { signal: leaver.signal });
  const second = await curlHead(upstream.url + target, mesh.proxyUrl());
  leaver.abort();
  await expect(first.toArray()).rejects.toThrow(/aborted/);
  upstream.release();
  expect(openSealed(target, Buffer.concat(await second.toArray()))).toBe(1);
  const again = await curl(upstream.url + target, mesh.proxyUrl());
  expect(openSealed(target, again.body)).toBe(1);
  expect(upstream.asked.get(target)).toBe(1);
});

test('a client that reads nothing for a while holds up nobody else, and gets the rest when it reads on', async () => {
  await using mesh = await startMesh({ config: { limits: PATIENT } });
  const url = `${mesh.upstream.url}/generated/30MB?maxAge=60`;
  const direct = await curl(url);
  const slow = await curlHead(url, mesh.proxyUrl());
  const fast = await Promise.all([1, 2, 3].map(async () => await curl(url, mesh.proxyUrl())));
  expect(fast.map(({ sha256 }) => sha256)).toEqual(fast.map(() => direct.sha256));
  expect(await bytesOf(slow)).toBe(direct.body.length);
});

test('a server that is told to end finishes what it is sending, and ends with 0; whoever comes meanwhile is served', async () => {
  await using mesh = await startMesh({ config: { limits: PATIENT } });
  const url = `${mesh.upstream.url}/generated/6000000?maxAge=60&bytesPerSecond=2000000`;
  const running = await curlHead(url, mesh.proxyUrl());
  const ended = mesh.server.stop();
  const over = new AbortController();
  const rest = bytesOf(running).finally(() => over.abort());
  while (!over.signal.aborted) {
    const answer = await curl(`${mesh.upstream.url}/small?id=${Math.random()}`, mesh.proxyUrl());
    expect(answer.status).toBe(200);
    await delay(100);
  }
  expect(await rest).toBe(6_000_000);
  expect(await ended).toBe(0);
  // By itself, although its proxy watches it, and not once `drainMs` is over.
  expect(mesh.server.log.join()).toContain('"drained"');
  const metrics = await (await fetch(`http://${mesh.proxies[0]?.listening['admin']}/metrics`)).text();
  expect(metrics).toMatch(/^pannier_proxy_bodies_resumed_total 0$/m);
});

test.each<[string, (redis: RedisFixture) => Promise<void>]>([
  ['has gone', async (redis) => await redis.kill9()],
  ['hangs', async (redis) => await redis.pause()],
])(
  'a server that is told to end while its Redis %s drains without it, and ends with 0',
  async (_title, breakIt) => {
    await using mesh = await startMesh({
      store: 'redis',
      hasControl: true,
      proxies: 0,
      config: { limits: PATIENT },
    });
    for (const redis of [mesh.redis, mesh.control]) await breakIt(redis!);
    await eventually(() => expect(mesh.server.log.join()).toContain('the Redis for control does not answer'));
    expect(await mesh.server.stop()).toBe(0);
    // Not cut off once `drainMs` is over, which ends with 0, too.
    expect(mesh.server.log.join()).toContain('"drained"');
  },
);
