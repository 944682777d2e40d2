import { expect, it, vi } from 'vitest';
import { curl } from '../fixture/curl.ts';
import type { CurlAnswer } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { sumOfMetric } from '../fixture/metrics-page.ts';
import { countsOf, stopsOf } from '../fixture/server-counts.ts';
import { storedPartitions } from '../fixture/stored-partitions.ts';

// Several processes start for each test, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000 });

/** What is lost of a stored body, and how. */
const DAMAGES: Readonly<Record<string, (frame: Buffer) => (string | number | Buffer)[]>> = {
  'a flipped byte': (frame) => ['SETRANGE', 2000, Buffer.from([(frame[2000] ?? 0) ^ 1])],
  'a missing end': (frame) => ['SET', frame.subarray(0, frame.length - 100), 'KEEPTTL'],
  'a missing partition': () => ['UNLINK'],
};

/** Fresh for longer than a busy machine takes for all of it. */
const TARGET = '/cities.json?maxAge=3600';

it.each(Object.keys(DAMAGES))('a stored body with %s heals, and no client sees wrong bytes', async (name) => {
  await using mesh = await startMesh({
    store: 'redis',
    // On a busy machine Redis is slow, which is not to be taken for away.
    redisSettings: { commandTimeoutMs: '20s' },
    config: {
      proxy: { nearCacheBytesMax: 0 },
      // A busy machine may be silent for longer than a server should be.
      limits: { ackTimeoutMs: '10s', heartbeatMs: '5s' },
    },
  });
  const { redis } = mesh;
  if (redis === undefined) throw new Error('no Redis');
  const url = `${mesh.upstream.url}${TARGET}`;
  // Stored, which may be a moment after it was sent.
  const whole = await eventually(async () => {
    const answer = await curl(url, mesh.proxyUrl());
    expect(answer.headers['cache-status']).toContain('pannier-server; hit');
    return answer;
  });
  const [, , victim, ...others] = await storedPartitions(redis, TARGET);
  if (victim === undefined) throw new Error('too few partitions');
  expect(others.length).toBeGreaterThan(4);
  const [command = '', ...rest] = DAMAGES[name]?.((await redis.command('GET', victim)) as Buffer) ?? [];
  await redis.command(command, victim, ...rest);
  // Whatever the server still has in memory would hide the damage.
  await mesh.server.restart();
  await eventually(async () => {
    const { headers } = await curl(`${mesh.upstream.url}/small?id=back&maxAge=3600`, mesh.proxyUrl());
    expect(headers['cache-status']).toContain('pannier-server; hit');
  });
  mesh.upstream.resetStats();

  const answers = async (count: number): Promise<CurlAnswer[]> =>
    await Promise.all(Array.from({ length: count }, async () => await curl(url, mesh.proxyUrl())));
  for (let round = 0; round < 3; round += 1) {
    for (const { sha256 } of await answers(10)) expect(sha256).toBe(whole.sha256);
  }
  const isWhole = async (): Promise<void> => {
    const [again] = await answers(1);
    expect(again?.headers['cache-status']).toContain('pannier-server; hit');
    expect(again?.sha256).toBe(whole.sha256);
  };
  await eventually(isWhole);
  const { total: healed, byKind } = mesh.upstream.stats();
  // The repair; the rest of a body that was under way comes by a range. On a machine that is so busy that leases end before their time, which the
  // server counts, each of them may cost one more.
  const stops = stopsOf(await countsOf(mesh.servers));
  expect(byKind.full).toBeGreaterThan(0);
  expect(byKind.full).toBeLessThanOrEqual(1 + stops);
  await isWhole();
  expect(mesh.upstream.stats().total).toBe(healed);
  const lost = await Promise.all(
    ['frame-damaged', 'frame-missing'].map(
      async (what) => await sumOfMetric(mesh.server, 'pannier_server_failures_total', { what }),
    ),
  );
  expect(Math.max(...lost)).toBeGreaterThan(0);
});
