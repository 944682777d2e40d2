import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { curl, curlHead } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { STORES } from './stores.ts';

const SIZE = '50MB';

async function readSlowly(url: string, proxyUrl: string, onHalf: () => void): Promise<number> {
  const response = await curlHead(url, proxyUrl);
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > 5_000_000) onHalf();
    await delay(1);
  }
  return bytes;
}

it.each(STORES)(
  'finishes large bodies when the cache server on the %s store is killed, and uses it again after its return',
  async (store) => {
    await using mesh = await startMesh({ store });
    const url = (seed: number): string => `${mesh.upstream.url}/generated/${SIZE}?maxAge=60&seed=${seed}`;
    const half = Promise.withResolvers<void>();
    const readers = [1, 2, 3].map(async (seed) => await readSlowly(url(seed), mesh.proxyUrl(), half.resolve));
    const settled = Promise.allSettled(readers);
    await half.promise;
    await mesh.server.kill9();

    // Every new request succeeds while the server is away.
    const direct = await curl(`${mesh.upstream.url}/small?id=1`);
    for (let request = 0; request < 20; request += 1) {
      const answer = await curl(`${mesh.upstream.url}/small?id=1`, mesh.proxyUrl());
      expect(answer.status).toBe(200);
      expect(answer.sha256).toBe(direct.sha256);
    }
    // Each body is finished, or visibly aborted; none is short and looks whole.
    for (const reader of await settled) {
      if (reader.status === 'fulfilled') expect(reader.value).toBe(50_000_000);
    }
    expect((await settled).filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
    const metrics = await (await fetch(`http://${mesh.proxies[0]?.listening['admin']}/metrics`)).text();
    expect(Number(/^pannier_proxy_bodies_resumed_total (\d+)/m.exec(metrics)?.[1])).toBeGreaterThan(0);

    await mesh.server.restart();
    await eventually(async () => {
      const id = Math.random();
      await curl(`${mesh.upstream.url}/small?id=${id}`, mesh.proxyUrl());
      const again = await curl(`${mesh.upstream.url}/small?id=${id}`, mesh.proxyUrl());
      expect(again.headers['cache-status']).toMatch(/pannier-(server|proxy); hit/);
      const other = await curl(`${mesh.upstream.url}/small?id=${Math.random()}`, mesh.proxyUrl());
      expect(other.headers['cache-status']).toContain('pannier-server');
    });
  },
);
