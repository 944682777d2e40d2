/** What the upstream is asked when a partition is lost under many who read it, at two servers over a real Redis. */
import { expect, it, vi } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { countsOf, stopsOf } from '../fixture/server-counts.ts';
import { storedPartitions } from '../fixture/stored-partitions.ts';

// Several processes start, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000 });

const CLIENTS = 16;
/** Fresh for longer than a busy machine takes for all of it. */
const TARGET = '/cities.json?maxAge=3600';
const OTHER = '/small?id=back&maxAge=3600';

it('a partition that is lost under many readers is one request to the upstream in all, and all get the body', async () => {
  await using mesh = await startMesh({
    store: 'redis',
    servers: 2,
    proxies: 2,
    isPinned: true,
    // On a busy machine servers are silent for longer than they should be, and Redis is slow, which is not to be taken for away.
    redisSettings: { commandTimeoutMs: '20s' },
    config: { proxy: { nearCacheBytesMax: 0 }, limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' } },
  });
  const { redis, upstream } = mesh;
  if (redis === undefined) throw new Error('no Redis');
  const url = `${upstream.url}${TARGET}`;
  const areUsed = async (): Promise<void> => {
    for (const proxy of [0, 1]) {
      const { headers } = await curl(`${upstream.url}${OTHER}`, mesh.proxyUrl(proxy));
      expect(headers['cache-status']).toContain('pannier-server; hit');
    }
  };
  const isStored = async (): Promise<string> => {
    await areUsed();
    const { headers, sha256 } = await curl(url, mesh.proxyUrl());
    expect(headers['cache-status']).toContain('pannier-server; hit');
    return sha256;
  };
  const whole = await eventually(isStored);
  const [, , lost, ...others] = await storedPartitions(redis, TARGET);
  if (lost === undefined) throw new Error('too few partitions');
  expect(others.length).toBeGreaterThan(4);
  // Whatever the servers still have in memory would hide the loss.
  for (const server of [0, 1]) await mesh.restart(server);
  await eventually(areUsed);
  expect(await redis.command('UNLINK', lost)).toBe(1);
  upstream.resetStats();

  const clients = Array.from({ length: CLIENTS }, async (_, i) => await curl(url, mesh.proxyUrl(i % 2)));
  for (const { sha256 } of await Promise.all(clients)) expect(sha256).toBe(whole);
  await eventually(isStored);
  const { total, byKind } = upstream.stats();
  // On a machine that is so busy that leases end before their time, which the servers count, each of them may cost one more.
  const stops = stopsOf(await countsOf(mesh.servers));
  expect(byKind.full).toBe(total);
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThanOrEqual(1 + stops);
});
