/** What the upstream is asked when a partition is lost under many who read it, at two servers over a real Redis. */
import { expect, it, vi } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';

// Several processes start, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000 });

const CLIENTS = 16;

it('a partition that is lost under many readers is one request to the upstream in all, and all get the body', async () => {
  await using mesh = await startMesh({
    store: 'redis',
    servers: 2,
    proxies: 2,
    isPinned: true,
    config: { proxy: { nearCacheBytesMax: 0 }, limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' } },
  });
  const { redis, upstream } = mesh;
  if (redis === undefined) throw new Error('no Redis');
  const url = `${upstream.url}/cities.json`;
  const isStored = async (): Promise<string> => {
    for (const proxy of [0, 1]) {
      const { headers } = await curl(`${upstream.url}/small?id=back`, mesh.proxyUrl(proxy));
      expect(headers['cache-status']).toContain('pannier-server');
    }
    const { headers, sha256 } = await curl(url, mesh.proxyUrl());
    expect(headers['cache-status']).toContain('pannier-server; hit');
    return sha256;
  };
  const whole = await eventually(isStored);
  const frames = (await redis.command('KEYS', '*:frame:*')) as Buffer[];
  expect(frames.length).toBeGreaterThan(4);
  // Whatever the servers still have in memory would hide the loss.
  for (const server of [0, 1]) await mesh.restart(server);
  await eventually(async () => {
    for (const proxy of [0, 1]) {
      const { headers } = await curl(`${upstream.url}/small?id=back`, mesh.proxyUrl(proxy));
      expect(headers['cache-status']).toContain('pannier-server');
    }
  });
  await redis.command('UNLINK', frames[2] ?? '');
  upstream.resetStats();

  const clients = Array.from({ length: CLIENTS }, async (_, i) => await curl(url, mesh.proxyUrl(i % 2)));
  for (const { sha256 } of await Promise.all(clients)) expect(sha256).toBe(whole);
  expect(upstream.stats()).toMatchObject({ total: 1, byKind: { full: 1 } });
  await eventually(isStored);
  expect(upstream.stats().total).toBe(1);
});
