import { zstdDecompressSync } from 'node:zlib';
import { decode } from '@msgpack/msgpack';
import { FRAME_HEADER_BYTES, frameInfo } from '@pannier/proto/partition-format';
import { expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { startMesh } from '../fixture/mesh.ts';

it('gives every key in Redis a time to live, and partitions that a foreign decoder reads', async () => {
  await using mesh = await startMesh({ store: 'redis' });
  const answer = await curl(`${mesh.upstream.url}/cities.json`, mesh.proxyUrl());
  await curl(`${mesh.upstream.url}/small?id=1`, mesh.proxyUrl());
  const { redis } = mesh;
  if (redis === undefined) throw new Error('no Redis');

  const keys = (await redis.command('KEYS', '*')) as Buffer[];
  expect(keys.length).toBeGreaterThan(30);
  for (const key of keys) expect(Number(await redis.command('PTTL', key))).toBeGreaterThan(0);

  const frames = keys.filter((key) => key.includes(':frame:'));
  const found = new Set<string>();
  for (const key of frames) {
    const frame = (await redis.command('GET', key)) as Buffer;
    const { codec } = frameInfo(frame);
    const payload = frame.subarray(FRAME_HEADER_BYTES);
    const content = decode(codec === 'zstd' ? zstdDecompressSync(payload) : payload);
    expect(content).toBeInstanceOf(Uint8Array);
    found.add(Buffer.from(content as Uint8Array).toString('hex'));
  }
  const first = answer.body.subarray(0, 512 * 1024).toString('hex');
  expect(found.has(first)).toBe(true);
});
