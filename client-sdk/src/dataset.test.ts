import { create } from '@bufbuild/protobuf';
import { DescribeDatasetResponseSchema, DescriptionDetail } from '@pannier/proto';
import type { DescribeDatasetRequest, ReadPartitionsRequest } from '@pannier/proto';
import { contentDigest, encodeFrame, encodeRecords } from '@pannier/proto/partition-format';
import { afterEach, expect, test } from 'vitest';
import { connect } from './connect.ts';
import type { PannierClient } from './connect.ts';
import { scriptedError } from './transport/scripted-server.fixture.ts';
import type { ScriptedPartition, ScriptedServer, ServerScript } from './transport/scripted-server.fixture.ts';
import { codeOf, endAll, endWithTest, serve } from './transport/scripted-test.fixture.ts';

afterEach(endAll);

interface City {
  readonly name: string;
  readonly country: string;
  readonly people?: number;
}

const cities: readonly (readonly City[])[] = [
  [
    { name: 'Brno', country: 'CZ', people: 400_000 },
    { name: 'Praha', country: 'CZ' },
  ],
  [{ name: 'Lyon', country: 'FR' }],
  [
    { name: 'Berlin', country: 'DE' },
    { name: 'Trier', country: 'DE' },
  ],
];

async function storedPartition(records: readonly City[]): Promise<{
  name: string;
  digest: Uint8Array;
  stored: { scope: string; digest: Uint8Array; frame: Uint8Array };
  records: bigint;
}> {
  const content = encodeRecords(records.map((city) => ({ ...city })));
  const digest = contentDigest(content, 'dataset');
  const frame = await encodeFrame(content, { scope: 'geo', digest, compress: true });
  const stored = { scope: 'geo', digest, frame };
  return { name: records[0]!.country, digest, stored, records: BigInt(records.length) };
}

/** As a server sends it that tells no digests. */
async function partition(records: readonly City[]): Promise<ScriptedPartition> {
  const { digest: _none, ...value } = await storedPartition(records);
  return { case: 'partition', value };
}

type Read = NonNullable<ServerScript['readPartitions']>;

/** Sends the partitions that were asked for, dying after `until` of them. */
function readCities(until = cities.length, version = 'v7'): Read {
  return async function* read({ skipPartitions }, server) {
    const wanted = cities.slice(skipPartitions);
    const records = wanted.flat().length;
    yield { case: 'start', value: { version, partitions: wanted.length, records: BigInt(records) } };
    yield { case: 'progress', value: { waitedMs: 5 } };
    for (const [index, part] of wanted.entries()) {
      if (skipPartitions + index === until) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        server.kill();
        return;
      }
      yield await partition(part);
    }
    yield { case: 'complete', value: { version, records: BigInt(records) } };
  };
}

function clientOf(...servers: readonly ScriptedServer[]): PannierClient {
  const client = connect(servers.map(({ address }) => address));
  endWithTest(() => client.close());
  return client;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('records come typed and in order', async () => {
  const client = clientOf(await serve({ readPartitions: readCities() }));
  const records: City[] = await collect(client.dataset<City>('cities').records());
  expect(records).toEqual(cities.flat());
});

test('a filter goes to the server, and records that it does not want are left out', async () => {
  const asked: ReadPartitionsRequest[] = [];
  const server = await serve({
    readPartitions: (request, running) => {
      asked.push(request);
      return readCities()(request, running);
    },
  });
  const dataset = clientOf(server).dataset<City>('cities');
  expect(await collect(dataset.records({ country: 'CZ', name: ['Brno', 'Lyon'] }))).toEqual([cities[0]![0]]);
  expect(asked[0]).toMatchObject({ dataset: 'cities', version: '', skipPartitions: 0 });
  expect(asked[0]!.filter?.kind).toMatchObject({
    case: 'allOf',
    value: {
      filters: [
        {
          kind: {
            case: 'comparison',
            value: { field: 'country', value: { kind: { case: 'stringValue', value: 'CZ' } } },
          },
        },
        { kind: { case: 'in', value: { field: 'name', values: [{}, {}] } } },
      ],
    },
  });
  expect(await collect(dataset.records({ people: 400_000 }))).toHaveLength(1);
  expect(asked[1]!.filter?.kind.value).toMatchObject({
    value: { kind: { case: 'intValue', value: 400_000n } },
  });
});

test('a filter with an undefined value is refused rather than ignored', async () => {
  const client = clientOf(await serve({ readPartitions: readCities() }));
  const filter = { country: undefined } as unknown as { country: string };
  expect(await codeOf(collect(client.dataset<City>('cities').records(filter)))).toBe('bad-request');
});

test('a read that breaks goes on at another server, on its version and after the partitions it has', async () => {
  const asked: ReadPartitionsRequest[] = [];
  const remember =
    (read: Read): Read =>
    (request, server) => {
      asked.push(request);
      return read(request, server);
    };
  const dying = [1, 2].map((until) => serve({ readPartitions: remember(readCities(until)) }));
  const client = clientOf(
    ...(await Promise.all(dying)),
    await serve({ readPartitions: remember(readCities()) }),
  );
  expect(await collect(client.dataset<City>('cities').records())).toEqual(cities.flat());
  for (const [index, { version, skipPartitions }] of asked.entries()) {
    expect(version === 'v7' || skipPartitions === 0).toBe(true);
    expect(skipPartitions).toBeGreaterThanOrEqual(asked[index - 1]?.skipPartitions ?? 0);
  }
});

test('a read never ends early as if whole, nor on two versions', async () => {
  const dying = await serve({ readPartitions: readCities(2) });
  const records = clientOf(dying).dataset('cities').records({}, { resumeWithinMs: 500 });
  expect(await codeOf(collect(records))).toBe('body-broken');
  const short = await serve({
    async *readPartitions() {
      yield { case: 'start', value: { version: 'v1', partitions: 2, records: 3n } };
      yield await partition(cities[0]!);
      yield { case: 'complete', value: { version: 'v1', records: 3n } };
    },
  });
  expect(await codeOf(collect(clientOf(short).dataset('cities').records()))).toBe('body-broken');
  let calls = 0;
  const changing = await serve({
    async *readPartitions() {
      calls += 1;
      yield { case: 'start', value: { version: `v${calls}`, partitions: 3, records: 5n } };
      yield await partition(cities[0]!);
    },
  });
  await expect(collect(clientOf(changing).dataset('cities').records())).rejects.toMatchObject({
    code: 'body-broken',
    message: expect.stringContaining('version v2 came') as string,
  });
});

test('what was named to the server as held stays at hand, although what comes drives it out', async () => {
  const asked: number[] = [];
  const server = await serve({
    async *readPartitions({ held }) {
      asked.push(held.length);
      const parts = await Promise.all(cities.map(storedPartition));
      const isHeld = (digest: Uint8Array): boolean => held.some((one) => Buffer.compare(one, digest) === 0);
      yield { case: 'start', value: { version: 'v1', partitions: 3, records: 5n } };
      // What is held comes last.
      for (const { stored, ...told } of parts.toSorted((part) => (isHeld(part.digest) ? 1 : -1)))
        yield { case: 'partition', value: isHeld(told.digest) ? told : { ...told, stored } };
      yield { case: 'complete', value: { version: 'v1', records: 5n } };
    },
  });
  // Room for one of them.
  const client = connect(server.address, { nearCacheBytesMax: 500 });
  endWithTest(() => client.close());
  for (const _time of [1, 2]) expect(await collect(client.dataset('cities').records())).toHaveLength(5);
  expect(asked).toEqual([0, 1]);
});

test('leaving early cancels the read', async () => {
  const server = await serve({
    async *readPartitions() {
      yield { case: 'start', value: { version: 'v1', partitions: 1000, records: 2000n } };
      for (;;) yield await partition(cities[0]!);
    },
  });
  for await (const city of clientOf(server).dataset<City>('cities').records()) {
    expect(city.name).toBe('Brno');
    break;
  }
  await expect.poll(() => server.cancelledStreams).toBe(1);
});

test('an unknown dataset is not found, with the sentence of the server', async () => {
  const server = await serve({
    readPartitions: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(scriptedError('not-found', 'no dataset "citties"; known: cities')),
      }),
    }),
  });
  await expect(collect(clientOf(server).dataset('citties').records())).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringContaining('known: cities') as string,
  });
});

test('a description has numbers, dates and hexadecimal digests', async () => {
  const server = await serve({
    cache: {
      describeDataset: (call, reply) => {
        const part = {
          name: 'CZ',
          key: [{ kind: { case: 'stringValue' as const, value: 'CZ' } }, {}],
          records: 2n,
          digest: Buffer.from('ab', 'hex'),
        };
        const description = {
          dataset: call.request.dataset,
          version: 'v1',
          publishedAtMs: 1000n,
          records: 5n,
          partitions: [part],
        };
        reply(null, create(DescribeDatasetResponseSchema, { description }));
      },
    },
  });
  expect(await clientOf(server).dataset('cities').describe()).toMatchObject({
    dataset: 'cities',
    records: 5,
    publishedAt: new Date(1000),
    partitions: [{ name: 'CZ', key: ['CZ', undefined], records: 2, digest: 'ab' }],
  });
});

test('a description that takes several answers is one, of the version of the first', async () => {
  const asked: DescribeDatasetRequest[] = [];
  const fields = [{ name: 'id', types: ['integer'] }];
  const names = ['a', 'b', 'c', 'd', 'e'];
  const server = await serve({
    cache: {
      describeDataset: ({ request }, reply) => {
        asked.push(request);
        const { skipPartitions: skip, detail } = request;
        const full = detail === DescriptionDetail.STATISTICS ? skip + 2 : names.length;
        const partitions = names
          .map((name, at) => (at < full ? { name, fields } : { name }))
          .slice(skip, skip === 0 ? names.length : full);
        const nextStatistics = full < names.length ? full : 0;
        const description = { dataset: 'cities', version: 'v1', records: 5n, partitions, nextStatistics };
        reply(null, create(DescribeDatasetResponseSchema, { description }));
      },
    },
  });
  const dataset = clientOf(server).dataset('cities');
  const { partitions } = await dataset.describe();
  expect(partitions.map((one) => [one.name, one.fields.length])).toEqual(names.map((name) => [name, 1]));
  expect(asked.map(({ version, skipPartitions }) => [version, skipPartitions])).toEqual([
    ['', 0],
    ['v1', 2],
    ['v1', 4],
  ]);
  await dataset.describe({ statistics: false });
  expect(await dataset.version()).toBe('v1');
  expect(asked.slice(3).map(({ detail }) => detail)).toEqual([
    DescriptionDetail.PARTITIONS,
    DescriptionDetail.VERSION,
  ]);
});
