import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PannierClient } from '@pannier/client';
import { afterEach, expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { patientClient } from '../fixture/patient-client.ts';
import { startFileUpstream } from './file-upstream.ts';
import type { FileUpstream } from './file-upstream.ts';
import { STORES } from './stores.ts';

type Row = Record<string, unknown>;

let cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
  cleanups = [];
});

async function rig(
  datasets: Record<string, unknown>,
  options: { store?: 'embedded' | 'redis'; limits?: object; proxies?: number } = {},
): Promise<{ upstream: FileUpstream; mesh: Mesh; client: PannierClient; open: () => PannierClient }> {
  const upstream = await startFileUpstream();
  cleanups.push(async () => await upstream[Symbol.asyncDispose]());
  const { limits = {}, store = 'embedded' } = options;
  const config = { upstreams: { files: { url: upstream.url } }, datasets, limits };
  const mesh = await startMesh({ store, config: config as never });
  cleanups.push(async () => await mesh[Symbol.asyncDispose]());
  const open = (): PannierClient => {
    const client = patientClient(mesh.server.listening['grpc']);
    cleanups.push(() => client.close());
    return client;
  };
  return { upstream, mesh, client: open(), open };
}

async function all(rows: AsyncIterable<unknown>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row as Row);
  return found;
}

const COUNTRIES = ['CZ', 'DE', 'FR', 'PL', 'SK'];
function rows(count: number): Row[] {
  return Array.from({ length: count }, (_none, id) => ({
    id,
    country: COUNTRIES[id % COUNTRIES.length],
    name: createHash('sha256').update(String(id)).digest('hex'),
  }));
}

const PLACES = { upstream: 'files', endpoint: '/places.json', partitionBy: { field: 'country' }, key: 'id' };

it.each(STORES)(
  'after one edited record only its partition is written, announced and sent, on the %s store',
  async (store) => {
    const { upstream, mesh, client } = await rig({ places: PLACES }, { store });
    const data = rows(5000);
    upstream.put('/places.json', JSON.stringify(data));
    const dataset = client.dataset('places');
    expect(await all(dataset.records())).toHaveLength(5000);
    const before = await dataset.version();
    const frames = async (): Promise<number> =>
      mesh.redis === undefined ? 0 : ((await mesh.redis.command('KEYS', '*:frame:*')) as Buffer[]).length;
    const framesBefore = await frames();

    data[7] = { ...data[7], name: 'edited' };
    upstream.put('/places.json', JSON.stringify(data));
    await eventually(async () => expect(await dataset.version()).not.toBe(before));
    const changes = await dataset.changesSince(before);
    expect(changes.changed.map(({ name }) => name)).toEqual(['FR']);
    expect([changes.added, changes.removed, changes.unchanged]).toEqual([[], [], 4]);
    // One dataset partition, and the partitions of the original that hold the edited bytes.
    if (mesh.redis !== undefined) expect((await frames()) - framesBefore).toBeLessThanOrEqual(3);

    const bytesBefore = await sentBytes(mesh);
    expect(await all(dataset.records())).toEqual(
      COUNTRIES.flatMap((country) => data.filter((row) => row['country'] === country)),
    );
    const one = changes.changed[0]?.storedBytes ?? 0;
    expect((await sentBytes(mesh)) - bytesBefore).toBeLessThan(one * 1.5);

    const diff = await client.admin.diffVersions('places', before);
    expect(diff.records).toMatchObject({ added: 0, changed: 1, removed: 0 });
    expect(diff.records.changes[0]?.after).toContain('edited');
  },
);

/** One of the server's own counters; 0 while it has not counted. */
async function counter(mesh: Mesh, name: string): Promise<number> {
  const text = await (await fetch(`http://${mesh.server.listening['admin']}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`pannier_server_${name} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** Bytes of partitions that the server has sent. */
async function sentBytes(mesh: Mesh): Promise<number> {
  return await counter(mesh, 'dataset_bytes_sent_total');
}

it.each(['identity', 'gzip', 'br, gzip;q=0.5'])(
  'one upstream fetch serves a GET with Accept-Encoding %s and a dataset, in either order',
  async (coding) => {
    const { upstream, mesh, client } = await rig({
      places: PLACES,
      others: { ...PLACES, endpoint: '/others.json' },
    });
    for (const path of ['/places.json', '/others.json']) upstream.put(path, JSON.stringify(rows(2000)));
    const headers = { 'accept-encoding': coding };
    const get = async (path: string): Promise<number> =>
      (await curl(`${upstream.url}${path}`, mesh.proxyUrl(), { headers })).status;
    expect(await get('/places.json')).toBe(200);
    expect(await all(client.dataset('places').records({ country: 'CZ' }))).toHaveLength(400);
    expect(await all(client.dataset('others').records({ country: 'CZ' }))).toHaveLength(400);
    expect(await get('/others.json')).toBe(200);
    expect([...upstream.counts]).toEqual([
      ['/places.json', 1],
      ['/others.json', 1],
    ]);
  },
);

it('keeps versions: reads end on the one they began, and pin, roll back and compare work', async () => {
  const { upstream, mesh, client } = await rig({ places: { ...PLACES, keepVersions: 2 } });
  const dataset = client.dataset('places');
  const versions: string[] = [];
  for (const size of [1000, 1100, 1200]) {
    upstream.put('/places.json', JSON.stringify(rows(size)));
    await eventually(async () => {
      const { version, records } = await dataset.describe();
      expect(records).toBe(size);
      versions.push(version);
    });
    if (size === 1000) await client.admin.pinVersion('places', versions[0] ?? '');
  }
  const listed = await client.admin.versions('places');
  expect(listed.map(({ version }) => version)).toEqual(versions.toReversed());
  expect(listed.map(({ pinned, current }) => [pinned, current])).toEqual([
    [false, true],
    [false, false],
    [true, false],
  ]);
  const iterator = dataset.records()[Symbol.asyncIterator]();
  await iterator.next();
  await client.admin.rollback('places', versions[0] ?? '');
  let rest = 1;
  while ((await iterator.next()).done !== true) rest += 1;
  expect(rest).toBe(1200);
  // What it was rolled back from is fetched and cut anew, and does not come back.
  const unchanged = async (): Promise<number> => await counter(mesh, 'datasets_total{what="unchanged"}');
  const unchangedBefore = await unchanged();
  upstream.put('/places.json', `${JSON.stringify(rows(1200))} `);
  await eventually(async () => {
    expect((await dataset.describe()).records).toBe(1000);
    expect(await unchanged()).toBeGreaterThan(unchangedBefore);
  });
  expect((await dataset.describe()).records).toBe(1000);
  upstream.put('/places.json', JSON.stringify(rows(1300)));
  await eventually(async () => expect((await dataset.describe()).records).toBe(1300));
  await expect(client.admin.rollback('places', 'nonsense')).rejects.toThrow(/no version nonsense.*kept are/);
});

it('puts a version that drifted aside, says why, and serves the old one', async () => {
  const { upstream, client } = await rig({
    places: { ...PLACES, drift: { requiredFields: ['name'], rowsShareMin: 0.5 } },
  });
  const dataset = client.dataset('places');
  upstream.put('/places.json', JSON.stringify(rows(1000)));
  const { version } = await dataset.describe();
  upstream.put(
    '/places.json',
    JSON.stringify(rows(100).map(({ id, country }) => ({ id: String(id), country }))),
  );
  await eventually(async () => {
    await dataset.describe();
    const reason = (await client.admin.versions('places'))[0]?.quarantineReason ?? '';
    expect(reason).toContain('the declared field name is gone');
    expect(reason).toContain('it has 100 records, the version before had 1000');
    expect(reason).toContain('the field id was number and is now also string');
  });
  expect(await dataset.version()).toBe(version);
});

const BAD: Readonly<Record<string, { settings?: object; body: string; message: RegExp; limits?: object }>> = {
  'malformed JSON': {
    body: `[{"id":1,"country":"CZ"},{"id":2,"country":}]`,
    message: /upstream files, endpoint \/places\.json\): malformed JSON in record 2, at byte 25/,
  },
  'a document that breaks off': {
    body: '[{"id":1,"country":"CZ"},{"id":2',
    message: /breaks off in record 2/,
  },
  'truncated CSV': {
    settings: { format: 'csv' },
    body: 'id,country\n1,CZ\n2,"DE\n',
    message: /malformed CSV in record 2, line \d/,
  },
  'what is no list': { body: '{"a":1}', message: /the document is not a JSON array/ },
  'a record over the limit': {
    body: JSON.stringify([{ country: 'CZ' }, { country: 'x'.repeat(5000) }]),
    message: /record 2 is over limits\.recordBytesMax 4096/,
    limits: { recordBytesMax: 4096 },
  },
  'more partitions than the limit': {
    body: JSON.stringify(rows(10).map((row) => ({ ...row, country: row['id'] }))),
    message: /more partitions than limits\.partitionsMax 5/,
    limits: { partitionsMax: 5 },
  },
};

it.each(Object.keys(BAD))(
  'refuses %s with its place, publishes nothing, and keeps the old version',
  async (name) => {
    const { settings = {}, body, message, limits = {} } = BAD[name] ?? { body: '', message: /./ };
    const { upstream, mesh, client } = await rig({ places: { ...PLACES, ...settings } }, { limits });
    const dataset = client.dataset('places');
    upstream.put('/places.json', body);
    await expect(dataset.describe()).rejects.toThrow(message);
    const good = 'format' in settings ? 'id,country\n1,CZ\n' : '[{"id":1,"country":"CZ"}]';
    upstream.put('/places.json', good);
    await eventually(async () => expect((await dataset.describe()).records).toBe(1));
    const { version } = await dataset.describe();
    const failed = async (): Promise<number> => await counter(mesh, 'datasets_total{what="failed"}');
    const failedBefore = await failed();
    const fetchedBefore = upstream.counts.get('/places.json') ?? 0;
    upstream.put('/places.json', body);
    // The bad document was fetched, and cutting it failed: without this the old version would be no proof of anything.
    await eventually(async () => {
      expect(await dataset.version()).toBe(version);
      expect(await failed()).toBeGreaterThan(failedBefore);
    });
    expect(upstream.counts.get('/places.json')).toBeGreaterThan(fetchedBefore);
    expect(await dataset.version()).toBe(version);
    expect(await all(dataset.records())).toHaveLength(1);
    expect(await client.admin.versions('places')).toHaveLength(1);
  },
);

it('names a module that throws or never returns', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pannier-rules-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const module = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const throwing = module(
    'throws.mjs',
    'export default (row) => { if (row.id === 3) throw new Error("no three"); return "x"; };',
  );
  const hanging = module('hangs.mjs', 'export default (row) => { for (;;) {} };');
  const good = module('good.mjs', 'export default ({ id }) => (id % 2 === 0 ? "even" : "odd");');
  const { upstream, client } = await rig(
    {
      throwing: { ...PLACES, partitionBy: { custom: { module: throwing } } },
      hanging: { ...PLACES, partitionBy: { custom: { module: hanging } } },
      good: { ...PLACES, partitionBy: { custom: { module: good } } },
    },
    // A busy machine may stop the one that does return, too.
    { limits: { ruleTimeoutMs: 8000 } },
  );
  upstream.put('/places.json', JSON.stringify(rows(10)));
  await expect(client.dataset('throwing').describe()).rejects.toThrow(
    /throws\.mjs throws: no three for record 4/,
  );
  await expect(client.dataset('hanging').describe()).rejects.toThrow(
    /hangs\.mjs did not return within limits\.ruleTimeoutMs 8000/,
  );
  expect((await client.dataset('good').partitions()).map(({ name, records }) => [name, records])).toEqual([
    ['even', 5],
    ['odd', 5],
  ]);
});
