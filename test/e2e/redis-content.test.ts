import { spawnSync } from 'node:child_process';
import { zstdDecompressSync } from 'node:zlib';
import { decode } from '@msgpack/msgpack';
import { FRAME_HEADER_BYTES, frameInfo } from '@pannier/proto/partition-format';
import { expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import { patientClient } from '../fixture/patient-client.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { startFileUpstream } from './file-upstream.ts';

/** Control that must not expire, and what bounds it: one log that is trimmed, one queue and one set of jobs, one register of uses. */
const BOUNDED = [
  /^pannier:1:\{generations\}:(?:head|log|buckets|prefixes)$/,
  /^\{pannier:1:jobs\}:warm:/,
  /^pannier:1:\{janitor\}:uses$/,
];

/** The milliseconds that each manifest has left, and each partition. */
const LIFETIMES = `
  local function left(pattern)
    local found = {}
    for i, key in ipairs(redis.call('KEYS', pattern)) do found[i] = redis.call('PTTL', key) end
    return found
  end
  return { left('*:manifest:*'), left('*:frame:*') }`;

/** Keys that nothing would ever end. */
async function keysForEver(redis: RedisFixture): Promise<string[]> {
  const found: string[] = [];
  for (const key of (await redis.command('KEYS', '*')) as Buffer[]) {
    if (BOUNDED.some((name) => name.test(String(key)))) continue;
    if (Number(await redis.command('PTTL', key)) === -1) found.push(String(key));
  }
  return found;
}

it('gives every key in Redis a time to live, and partitions that a foreign decoder reads', async () => {
  await using mesh = await startMesh({ store: 'redis' });
  const url = `${mesh.upstream.url}/cities.json?maxAge=3600`;
  await curl(`${mesh.upstream.url}/small?id=1`, mesh.proxyUrl());
  // Stored, which may be a moment after it was sent.
  const answer = await eventually(async () => {
    const got = await curl(url, mesh.proxyUrl());
    expect(got.headers['cache-status']).toContain('pannier-server; hit');
    return got;
  });
  const { redis } = mesh;
  if (redis === undefined) throw new Error('no Redis');

  const keys = (await redis.command('KEYS', '*')) as Buffer[];
  expect(keys.length).toBeGreaterThan(30);
  expect(await keysForEver(redis)).toEqual([]);

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

it('keeps datasets in partitions that foreign decoders read, Python where it is there', async () => {
  await using upstream = await startFileUpstream();
  const rows = [{ id: 1, name: 'Žižkov' }, { id: 2 }, { id: 9, name: null }];
  upstream.put('/places.json', JSON.stringify(rows));
  const places = { upstream: 'files', endpoint: '/places.json', partitionBy: { chunk: { records: 100 } } };
  const config = { upstreams: { files: { url: upstream.url } }, datasets: { places } } as never;
  await using mesh = await startMesh({ store: 'redis', proxies: 0, config });
  using client = patientClient(mesh.server.listening['grpc']);
  expect((await client.dataset('places').describe()).records).toBe(3);
  const { redis } = mesh;
  if (redis === undefined) throw new Error('no Redis');
  const keys = (await redis.command('KEYS', '*')) as Buffer[];
  expect(await keysForEver(redis)).toEqual([]);
  const contents: Buffer[] = [];
  for (const key of keys.filter((one) => one.includes(':frame:'))) {
    const frame = (await redis.command('GET', key)) as Buffer;
    const payload = frame.subarray(FRAME_HEADER_BYTES);
    contents.push(frameInfo(frame).codec === 'zstd' ? zstdDecompressSync(payload) : payload);
  }
  const columns = [
    [0, 1, 1, 1, 0, 1],
    [
      [
        ['id', 'name'],
        [
          [1, 9],
          ['Žižkov', null],
        ],
      ],
      [['id'], [[2]]],
    ],
  ];
  expect(contents.map((content) => decode(content))).toContainEqual(columns);
  const program = 'import sys, json, msgpack; print(json.dumps(msgpack.unpackb(sys.stdin.buffer.read())))';
  const hasPython = spawnSync('python3', ['-c', 'import msgpack']).status === 0;
  const content = contents.find((one) => one.includes('Žižkov') && one[0] !== 0xc4) ?? Buffer.alloc(0);
  const read = hasPython
    ? spawnSync('python3', ['-c', program], { input: content, encoding: 'utf8' }).stdout
    : '';
  expect(hasPython ? JSON.parse(read) : columns).toEqual(columns);
});

it('keeps partitions longer than the manifest that needs them, however often it is confirmed', async () => {
  await using upstream = await startFileUpstream();
  upstream.put('/large.json', JSON.stringify(Array.from({ length: 60_000 }, (_none, id) => ({ id }))));
  const files = { url: upstream.url, forcedTtlMs: 1 };
  const config = { upstreams: { files }, proxy: { nearCacheBytesMax: 0 } } as never;
  await using mesh = await startMesh({ store: 'redis', config });
  const { redis } = mesh;
  if (redis === undefined) throw new Error('no Redis');
  /** What all that is of a kind has left at one moment: a body may be confirmed at any time. */
  const left = async (): Promise<{ manifests: number[]; frames: number[] }> => {
    const [manifests, frames] = (await redis.command('EVAL', LIFETIMES, 0)) as number[][];
    return { manifests: manifests ?? [], frames: frames ?? [] };
  };
  for (let round = 0; round < 5; round += 1) {
    await curl(`${upstream.url}/large.json`, mesh.proxyUrl());
    await eventually(async () => expect((await left()).manifests).toHaveLength(1));
    const {
      manifests: [manifest = Infinity],
      frames,
    } = await left();
    expect(frames.length).toBeGreaterThan(0);
    expect(Math.min(...frames)).toBeGreaterThanOrEqual(manifest);
  }
});
