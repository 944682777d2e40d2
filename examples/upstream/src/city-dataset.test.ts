import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type CityDataset, openCityDataset } from './city-dataset.ts';
import { UpstreamError } from './errors.ts';

interface City {
  name: string;
  country: string;
}

const cities: City[] = ['Vila', 'El "Tarter"', 'Back\\slash', 'Sant Julià', '東京'].map((name) => ({
  name,
  country: 'AD',
}));
const modifiedMs = Date.UTC(2026, 0, 2, 3, 4, 5);
let folder = '';
let path = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pannier-cities-'));
  path = join(folder, 'cities.json');
  await writeFile(path, `${JSON.stringify(cities)}\n`);
  await utimes(path, modifiedMs / 1000, modifiedMs / 1000);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function currentCities({ current }: CityDataset): Promise<City[]> {
  return JSON.parse((await current.coded('identity')).toString()) as City[];
}

test('the first version is the file, byte for byte, with its date', async () => {
  const { current } = await openCityDataset(path, Date.now);
  expect(await current.coded('identity')).toEqual(await readFile(path));
  expect(current).toMatchObject({ version: '1', lastModifiedMs: modifiedMs });
});

test('both codings decode to the document and are made once', async () => {
  const { current } = await openCityDataset(path, Date.now);
  const whole = await current.coded('identity');
  expect(gunzipSync(await current.coded('gzip'))).toEqual(whole);
  expect(brotliDecompressSync(await current.coded('br'))).toEqual(whole);
  expect(await current.coded('br')).toBe(await current.coded('br'));
});

test('a publication renames so many records and leaves the others alone', async () => {
  const dataset = await openCityDataset(path, Date.now);
  await dataset.publish(2);
  const changed = (await currentCities(dataset)).filter(({ name }, index) => name !== cities[index]?.name);
  expect(changed.map(({ name }) => name)).toEqual(['El "Tarter" v2', 'Sant Julià v2']);
  await dataset.publish(5);
  expect((await currentCities(dataset)).map(({ name }) => name)).toEqual(
    cities.map(({ name }) => `${name} v3`),
  );
});

test('publications are the same in every process, and each has a version, tag and date of its own', async () => {
  const fixedClock = (): number => modifiedMs + 500;
  const [one, two] = await Promise.all([
    openCityDataset(path, fixedClock),
    openCityDataset(path, fixedClock),
  ]);
  const versions = [one.current, ...(await Promise.all([one.publish(1), one.publish(1), one.publish(3)]))];
  await two.publish(1);
  expect(two.current.etag).toBe(versions[1]?.etag);
  expect(versions.map(({ version }) => version)).toEqual(['1', '2', '3', '4']);
  expect(new Set(versions.map(({ etag }) => etag)).size).toBe(4);
  expect(versions.map(({ lastModifiedMs }) => lastModifiedMs - modifiedMs)).toEqual([0, 1000, 2000, 3000]);
});

test('more edits than records are refused, and the next publication goes on', async () => {
  const dataset = await openCityDataset(path, Date.now);
  await expect(dataset.publish(6)).rejects.toThrow('edits: 6 is more than the 5 records there are');
  await expect(dataset.publish(5)).resolves.toMatchObject({ version: '2' });
});

test('a file that is not there is named', async () => {
  const missing = join(folder, 'nowhere.json');
  const opening = openCityDataset(missing, Date.now);
  await expect(opening).rejects.toThrow(UpstreamError);
  await expect(opening).rejects.toThrow(missing);
});
