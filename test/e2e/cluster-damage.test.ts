/** Stored partitions that are lost, changed or exchanged behind the servers' backs, under a light load: it is found out, nobody notices, and it is mended. */
import { expect, it, vi } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { sumOfMetric } from '../fixture/metrics-page.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { startSealedUpstream } from '../fixture/sealed-upstream.ts';
import { storedPartitions } from '../fixture/stored-partitions.ts';
import { SteadyLoad } from '../load/steady-load.ts';

// Several processes start for each test, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

async function write(redis: RedisFixture, name: Buffer, bytes: Buffer): Promise<void> {
  await redis.command('SET', name, bytes, 'KEEPTTL');
}

async function read(redis: RedisFixture, name: Buffer): Promise<Buffer> {
  return (await redis.command('GET', name)) as Buffer;
}

/** What is done to the partitions of a body, and what the servers count then. */
interface Damage {
  readonly counted: 'frame-missing' | 'frame-damaged';
  readonly inflict: (redis: RedisFixture, frames: readonly Buffer[]) => Promise<unknown>;
}

const DAMAGES: Readonly<Record<string, Damage>> = {
  'a partition deleted': {
    counted: 'frame-missing',
    inflict: async (redis, [, second = Buffer.alloc(0)]) => await redis.command('UNLINK', second),
  },
  'a bit flipped': {
    counted: 'frame-damaged',
    async inflict(redis, [, second = Buffer.alloc(0)]) {
      const bytes = await read(redis, second);
      const middle = Math.floor(bytes.length / 2);
      bytes[middle] = (bytes[middle] ?? 0) ^ 0b100;
      await write(redis, second, bytes);
    },
  },
  'two partitions swapped': {
    counted: 'frame-damaged',
    async inflict(redis, [, second = Buffer.alloc(0), third = Buffer.alloc(0)]) {
      const [bytesOfSecond, bytesOfThird] = [await read(redis, second), await read(redis, third)];
      await write(redis, second, bytesOfThird);
      await write(redis, third, bytesOfSecond);
    },
  },
};

const TARGET = '/2000000/damaged';

it.each(Object.entries(DAMAGES))(
  'with %s every client gets the right bytes, and then it is whole again',
  async (_name, { counted, inflict }) => {
    await using upstream = await startSealedUpstream();
    await using mesh = await startMesh({
      store: 'redis',
      servers: 2,
      proxies: 2,
      redisSettings: { memoryTierBytesMax: 0 },
      config: {
        upstreams: { sealed: { url: upstream.url } },
        proxy: { nearCacheBytesMax: 0 },
        limits: { ackTimeoutMs: '5s', heartbeatMs: '3s' },
      },
    });
    const { redis } = mesh;
    if (redis === undefined) throw new Error('no Redis');
    await curl(`${upstream.url}${TARGET}`, mesh.proxyUrl());
    await eventually(async () => {
      const { headers } = await curl(`${upstream.url}${TARGET}`, mesh.proxyUrl());
      expect(headers['cache-status']).toContain('pannier-server; hit');
    });
    const frames = await storedPartitions(redis, TARGET);
    expect(frames.length).toBeGreaterThan(2);
    expect(upstream.asked.get(TARGET)).toBe(1);
    const contents = async (): Promise<Buffer[]> =>
      await Promise.all(frames.map(async (name) => await read(redis, name)));
    const whole = await contents();
    await inflict(redis, frames);
    // What the servers have in their memory would hide the damage.
    await Promise.all([mesh.restart(0), mesh.restart(1)]);

    const proxyUrls = [mesh.proxyUrl(0), mesh.proxyUrl(1)];
    await using load = new SteadyLoad({
      upstream,
      targets: [TARGET],
      proxyUrls,
      clients: 8,
      random: Math.random,
    });
    await load.moreAnswers(60);
    expect(load.report).toMatchObject({ wrong: [], failures: {} });
    await eventually(async () => {
      const counts = mesh.servers.map(
        async (server) => await sumOfMetric(server, 'pannier_server_failures_total', { what: counted }),
      );
      expect(Math.max(...(await Promise.all(counts)))).toBeGreaterThan(0);
    });
    await eventually(async () => expect(await contents()).toEqual(whole));
    await eventually(async () => {
      const before = upstream.asked.get(TARGET);
      await load.moreAnswers(20);
      expect(upstream.asked.get(TARGET)).toBe(before);
    });
    expect(load.report).toMatchObject({ wrong: [], failures: {} });
  },
);
