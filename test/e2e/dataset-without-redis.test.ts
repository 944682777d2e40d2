/** Datasets while the Redis that keeps their partitions does not do what it should: readers get what the upstream has, whole, as a direct call would. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@pannier/client';
import type { PannierClient, RecordsOptions } from '@pannier/client';
import { describe, expect, it, vi } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh, MeshOptions } from '../fixture/mesh.ts';
import { redisFaults, slowLoad } from '../fixture/redis-faults.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { startFileUpstream } from './file-upstream.ts';
import type { FileUpstream } from './file-upstream.ts';

// Several processes start for each test, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 180_000 });

const PATIENT = { ackTimeoutMs: 20_000, connectTimeoutMs: 20_000, deadlineMs: 60_000, nearCacheBytesMax: 0 };
const COUNTRIES = 8;
const EACH = 200;
const RECORDS = COUNTRIES * EACH;
const READERS = 20;

interface Places extends AsyncDisposable {
  readonly upstream: FileUpstream;
  readonly mesh: Mesh;
  readonly redis: RedisFixture;
  /** Knows all servers. */
  readonly client: PannierClient;
  publish(edition: number): void;
}

async function startPlaces(options: MeshOptions = {}): Promise<Places> {
  const parts = new AsyncDisposableStack();
  const upstream = parts.use(await startFileUpstream());
  const publish = (edition: number): void => {
    const rows = Array.from({ length: RECORDS }, (_none, id) => ({
      id,
      country: `C${id % COUNTRIES}`,
      edition,
    }));
    upstream.put('/places.json', JSON.stringify(rows));
  };
  publish(1);
  const places = { upstream: 'files', endpoint: '/places.json', partitionBy: { field: 'country' } };
  const mesh = parts.use(
    await startMesh({
      store: 'redis',
      proxies: 0,
      redisArgs: slowLoad(2000),
      redisSettings: { memoryTierBytesMax: 0, commandTimeoutMs: '300ms' },
      config: { upstreams: { files: { url: upstream.url } }, datasets: { places } },
      ...options,
    }),
  );
  const servers = mesh.servers.map((_, index) => mesh.serverAddress(index));
  const client = connect(servers, PATIENT);
  parts.defer(() => client.close());
  if (mesh.redis === undefined) throw new Error('no Redis');
  const dispose = async (): Promise<void> => await parts.disposeAsync();
  return { upstream, mesh, redis: mesh.redis, client, publish, [Symbol.asyncDispose]: dispose };
}

/** Reads all; a record twice, or of two editions, is wrong. */
async function editionRead(client: PannierClient, options: RecordsOptions = {}): Promise<unknown> {
  const ids = new Set<unknown>();
  const editions = new Set<unknown>();
  for await (const row of client.dataset('places').records({}, options)) {
    ids.add(row['id']);
    editions.add(row['edition']);
  }
  expect([ids.size, editions.size]).toEqual([RECORDS, 1]);
  return [...editions][0];
}

async function countOf({ client }: Places, country: string): Promise<number> {
  return (await Array.fromAsync(client.dataset('places').records({ country }))).length;
}

async function metric({ mesh }: Places, name: string): Promise<number> {
  const pages = mesh.servers.map(async ({ listening }) => {
    const text = await (await fetch(`http://${listening['admin']}/metrics`)).text();
    const [, value] =
      new RegExp(`^pannier_server_${name.replace(/[{}]/g, '\\$&')} (\\d+)`, 'm').exec(text) ?? [];
    return Number(value);
  });
  return (await Promise.all(pages)).reduce((sum, value) => sum + value, 0);
}

/** Whether nothing is in the servers' own memory: on a busy machine a Redis that is there may have been slow, and so taken for away. */
async function expectNoMakeshift(places: Places): Promise<void> {
  expect(await metric(places, 'dataset_makeshift_bytes')).toBe(0);
}

/** What was cut without Redis is not kept once it is back, and what is cut then is there for all. */
async function isAsBefore(places: Places, edition: number): Promise<void> {
  await eventually(async () => {
    await expectNoMakeshift(places);
    const before = await metric(places, 'dataset_makeshift_reads_total{part="whole"}');
    expect(await editionRead(places.client)).toBe(edition);
    expect(await metric(places, 'dataset_makeshift_reads_total{part="whole"}')).toBe(before);
  }, 60_000);
}

const FAULTS = redisFaults('2mb');

describe('while Redis', () => {
  it.each(Object.keys(FAULTS))(
    '%s, readers get what the upstream has, and afterwards all is as before',
    async (name) => {
      const fault = FAULTS[name];
      if (fault === undefined) throw new Error('no such fault');
      await using places = await startPlaces();
      const { redis, client, publish } = places;
      // One partition is in the server's memory, the others are not.
      await eventually(async () => expect(await countOf(places, 'C0')).toBe(EACH));
      await fault.begin(redis);
      try {
        const herd = Array.from({ length: READERS }, async () => await editionRead(client));
        expect(await Promise.all(herd)).toEqual(herd.map(() => 1));
        publish(2);
        await eventually(async () => expect(await editionRead(client)).toBe(2));
        expect(await editionRead(client, { readers: 4 })).toBe(2);
        if (fault.isUsable !== true)
          expect(await metric(places, 'dataset_makeshift_reads_total{part="whole"}')).toBeGreaterThan(0);
      } finally {
        await fault.end(redis);
      }
      publish(3);
      await isAsBefore(places, 3);
    },
  );
});

it('several servers are asked for parts of one read while Redis is away, and it is of one version', async () => {
  await using places = await startPlaces({ servers: 3 });
  const { redis, client, publish } = places;
  expect(await editionRead(client)).toBe(1);
  await redis.kill9();
  publish(2);
  await eventually(async () => expect(await editionRead(client, { readers: 4 })).toBe(2));
  for (let round = 0; round < 6; round += 1) expect(await editionRead(client, { readers: 3 })).toBe(2);
  const shards = await client.dataset('places').shards(3);
  const read = await Promise.all(shards.map(async (shard) => (await Array.fromAsync(shard)).length));
  expect(read.reduce((sum, count) => sum + count, 0)).toBe(RECORDS);
  await redis.restart();
  await isAsBefore(places, 2);
});

it('readers of several servers are told of versions that Redis evicts before they can name them, and get them all', async () => {
  await using places = await startPlaces({ servers: 3 });
  const { redis, client } = places;
  expect(await editionRead(client)).toBe(1);
  for (let round = 0; round < 20; round += 1) {
    const over = new AbortController();
    const reading = editionRead(client, { readers: 4, resumeWithinMs: 60_000 }).finally(() => over.abort());
    // A read begins anew ten times: less often than that, so that it ends however long each of its starts takes.
    const evicting = (async () => {
      for (let time = 0; time < 5 && !over.signal.aborted; time += 1) {
        const manifests = (await redis.command('KEYS', '*:manifest:*places@*')) as Buffer[];
        if (manifests.length > 0) await redis.command('UNLINK', ...manifests);
        await sleep(20);
      }
    })();
    try {
      expect(await reading).toBe(1);
    } finally {
      await evicting;
    }
  }
});

it('a document of many partitions is read although only its beginning is in memory', async () => {
  // With memory before Redis the server remembers that it has the document, and has its first partition at hand.
  await using places = await startPlaces({ redisSettings: { commandTimeoutMs: '300ms' } });
  const { redis, client, upstream } = places;
  const rows = Array.from({ length: RECORDS }, (_none, id) => ({
    id,
    country: `C${id % COUNTRIES}`,
    edition: 1,
    text: `${id}`.repeat(400),
  }));
  upstream.put('/places.json', JSON.stringify(rows));
  expect(await countOf(places, 'C0')).toBe(EACH);
  // Its response is confirmed once it has expired.
  await sleep(1_500);
  await eventually(async () => expect(await countOf(places, 'C0')).toBe(EACH));
  await redis.kill9();
  for (let round = 0; round < 3; round += 1) expect(await editionRead(client)).toBe(1);
});

it('the HTTP door gives records while Redis is away', async () => {
  await using places = await startPlaces({ servers: 2, proxies: 1 });
  const { redis, mesh, client } = places;
  expect(await editionRead(client)).toBe(1);
  await redis.kill9();
  for (let round = 0; round < 4; round += 1) {
    const answer = await curl(`${mesh.proxyUrl()}/.pannier/datasets/places/records?country=C3`);
    expect([answer.status, answer.body.toString().trim().split('\n').length]).toEqual([200, EACH]);
  }
});

it('without Redis and without the upstream a read fails, and says why; with the upstream back it works', async () => {
  await using places = await startPlaces();
  const { redis, client, upstream, publish } = places;
  // From Redis: what is in memory can be read without the upstream, too.
  await eventually(async () => {
    expect(await countOf(places, 'C0')).toBe(EACH);
    await expectNoMakeshift(places);
  });
  await redis.kill9();
  upstream.put('/places.json', (_request, response) => void response.destroy());
  await expect(editionRead(client)).rejects.toMatchObject({
    code: expect.stringMatching(/^upstream-/) as unknown,
    message: expect.stringContaining('places') as unknown,
  });
  publish(2);
  await eventually(async () => expect(await editionRead(client)).toBe(2));
});

it('a dataset that does not fit into memory fails as the store does, and nothing of it is passed off as whole', async () => {
  const tight = { server: { memoryStoreBytesMax: 4096 } };
  await using upstream = await startFileUpstream();
  upstream.put(
    '/places.json',
    JSON.stringify(Array.from({ length: RECORDS }, (_none, id) => ({ id, text: `${Math.sin(id)}` }))),
  );
  const places = { upstream: 'files', endpoint: '/places.json', partitionBy: { chunk: { records: 100 } } };
  await using given = await startPlaces({
    config: { ...tight, upstreams: { files: { url: upstream.url } }, datasets: { places } },
  });
  const { redis, client } = given;
  await redis.kill9();
  await expect(Array.fromAsync(client.dataset('places').records())).rejects.toMatchObject({ code: 'store' });
});
