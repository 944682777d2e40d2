import { expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import type { CurlAnswer } from '../fixture/curl.ts';
import { startMesh } from '../fixture/mesh.ts';

/** What is lost of a stored body, and how. */
const DAMAGES: Readonly<Record<string, (frame: Buffer) => (string | number | Buffer)[]>> = {
  'a flipped byte': (frame) => ['SETRANGE', 2000, Buffer.from([(frame[2000] ?? 0) ^ 1])],
  'a missing end': (frame) => ['SET', frame.subarray(0, frame.length - 100), 'KEEPTTL'],
  'a missing partition': () => ['UNLINK'],
};

it.each(Object.keys(DAMAGES))('a stored body with %s heals, and no client sees wrong bytes', async (name) => {
  await using mesh = await startMesh({ store: 'redis', config: { proxy: { nearCacheBytesMax: 0 } } });
  const { redis } = mesh;
  if (redis === undefined) throw new Error('no Redis');
  const url = `${mesh.upstream.url}/cities.json`;
  const whole = await curl(url, mesh.proxyUrl());
  const frames = (await redis.command('KEYS', '*:frame:*')) as Buffer[];
  expect(frames.length).toBeGreaterThan(4);
  const victim = frames[2] ?? Buffer.alloc(0);
  const [command = '', ...rest] = DAMAGES[name]?.((await redis.command('GET', victim)) as Buffer) ?? [];
  await redis.command(command, victim, ...rest);
  // Whatever the server still has in memory would hide the damage.
  await mesh.server.restart();

  const answers = async (count: number): Promise<(CurlAnswer | undefined)[]> =>
    await Promise.all(
      Array.from({ length: count }, async () => await curl(url, mesh.proxyUrl()).catch(() => undefined)),
    );
  for (let round = 0; round < 3; round += 1) {
    for (const answer of await answers(10))
      if (answer !== undefined) expect(answer.sha256).toBe(whole.sha256);
  }
  const { total: healed, byKind } = mesh.upstream.stats();
  // The first fetch and its repair; the rest of a body that was under way comes by a range.
  expect(byKind.full).toBe(2);
  const [again] = await answers(1);
  expect(again?.headers['cache-status']).toContain('pannier-server; hit');
  expect(again?.sha256).toBe(whole.sha256);
  expect(mesh.upstream.stats().total).toBe(healed);
  const metrics = await (await fetch(`http://${mesh.server.listening['admin']}/metrics`)).text();
  expect(metrics).toMatch(
    /pannier_server_failures_total\{[^}]*what="frame-(?:damaged|missing)"[^}]*\} [1-9]/,
  );
});
