import { createHash } from 'node:crypto';
import type { Dataset, PannierClient } from '@pannier/client';
import type { ConfigInput } from '@pannier/runtime';
import { afterEach, expect, it } from 'vitest';
import { eventually } from '../fixture/eventually.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh, MeshOptions } from '../fixture/mesh.ts';
import { patientClient } from '../fixture/patient-client.ts';
import { startCuttingRelay } from './cutting-relay.ts';
import type { CuttingRelay } from './cutting-relay.ts';
import { startFileUpstream } from './file-upstream.ts';
import type { FileUpstream } from './file-upstream.ts';
import { STORES } from './stores.ts';

interface Row {
  readonly id: number;
  readonly bucket: number;
  readonly text: string;
}

let parts = new AsyncDisposableStack();
afterEach(async () => {
  await parts.disposeAsync();
  parts = new AsyncDisposableStack();
});

const BUCKETS = { upstream: 'files', endpoint: '/rows.json', partitionBy: { field: 'bucket' } };

async function rig(
  dataset: Partial<NonNullable<ConfigInput['datasets']>[string]> = {},
  options: MeshOptions = {},
): Promise<{ upstream: FileUpstream; mesh: Mesh; client: PannierClient }> {
  const upstream = parts.use(await startFileUpstream());
  const config = {
    upstreams: { files: { url: upstream.url } },
    datasets: { rows: { ...BUCKETS, ...dataset } },
  };
  const mesh = parts.use(await startMesh({ proxies: 0, ...options, config }));
  const client = parts.use(patientClient(mesh.server.listening['grpc']));
  // The server listens before its Redis is connected.
  await eventually(async () => await client.get('nothing'));
  return { upstream, mesh, client };
}

/** Records of so many buckets, in the order of the dataset; their texts do not compress. */
function rowsOf(buckets: number, each: number, salt = ''): Row[] {
  return Array.from({ length: buckets * each }, (_none, id) => {
    const text = createHash('sha512').update(`${salt}${id}`).digest('base64');
    return { id, bucket: 100 + Math.floor(id / each), text };
  });
}

it.each(STORES)('ls tells the sizes of datasets and objects on the %s store', async (store) => {
  const { upstream, client } = await rig({}, { store });
  upstream.put('/rows.json', JSON.stringify(rowsOf(3, 20)));
  const { version, partitions } = await client.dataset('rows').describe();
  await client.put('small', Buffer.from('hello'), { ttlMs: 60_000 });
  await client.put('large', Buffer.alloc(100_000, 'pannier'), { ttlMs: 60_000 });

  const listed = await Array.fromAsync(client.admin.entries());
  const byName = new Map(listed.map((entry) => [entry.name, entry]));
  const sum = (field: 'contentBytes' | 'storedBytes'): number =>
    partitions.reduce((bytes, partition) => bytes + partition[field], 0);
  const sizes = {
    contentBytes: sum('contentBytes'),
    storedBytes: sum('storedBytes'),
    partitions: 3,
    version,
  };
  expect(sizes.storedBytes).toBeGreaterThan(4000);
  expect(byName.get('rows')).toMatchObject(sizes);
  expect(byName.get(`rows@${version}`)).toMatchObject(sizes);
  expect(byName.get('small')).toMatchObject({ contentBytes: 5, storedBytes: 5, partitions: 0 });
  expect(byName.get('large')).toMatchObject({ contentBytes: 100_000, partitions: 1 });
  expect(byName.get('large')?.storedBytes).toBeGreaterThan(50);
  expect(byName.get('large')?.freshForMs).toBeGreaterThan(1000);
});

it.each(STORES)(
  'several readers and all shards give what one reader gives, on the %s store',
  async (store) => {
    const { upstream, client } = await rig({}, { store });
    const rows = rowsOf(30, 100);
    upstream.put('/rows.json', JSON.stringify(rows));
    const dataset = client.dataset<Row>('rows');
    // The first read of all: it waits for the version.
    expect(await Array.fromAsync(dataset.records({}, { readers: 4 }))).toEqual(rows);
    expect(await Array.fromAsync(dataset.records({}, { readers: 8, ordered: false }))).toHaveLength(3000);

    const some = { id: { gte: 450, lt: 1550 }, bucket: { ne: 110 } };
    const wanted = rows.filter(({ id, bucket }) => id >= 450 && id < 1550 && bucket !== 110);
    const fields = ['id', 'bucket'];
    expect(await Array.fromAsync(dataset.records(some, { readers: 3, fields }))).toEqual(
      wanted.map(({ id, bucket }) => ({ id, bucket })),
    );
    const shards = await dataset.shards(4, some);
    const read = await Promise.all(shards.map(async (shard) => await Array.fromAsync(shard)));
    expect(read.flat().toSorted((one, other) => one.id - other.id)).toEqual(wanted);
    expect(read.every((shard) => shard.length > 100)).toBe(true);

    const unknown = Array.fromAsync(dataset.records({}, { readers: 2, fields: ['nmae'] }));
    await expect(unknown).rejects.toThrow(/^fields: dataset rows has no field "nmae"; its fields are: id/);
  },
);

it('shards and readers end on the version they began, whatever is published meanwhile', async () => {
  const { upstream, client } = await rig();
  const dataset = client.dataset<Row>('rows');
  const before = rowsOf(12, 500);
  upstream.put('/rows.json', JSON.stringify(before));
  const shards = await dataset.shards(3);
  const reading = dataset.records({}, { readers: 4 });
  const read = [(await reading.next()).value];
  const after = rowsOf(12, 500, 'changed');
  upstream.put('/rows.json', JSON.stringify(after));
  await eventually(async () => expect(await dataset.version()).not.toBe(shards[0]?.version));
  for await (const row of reading) read.push(row);
  expect(read).toEqual(before);
  const sharded = await Promise.all(shards.map(async (shard) => await Array.fromAsync(shard)));
  expect(sharded.flat().toSorted((one, other) => one.id - other.id)).toEqual(before);
  expect(await Array.fromAsync(dataset.records({}, { readers: 4 }))).toEqual(after);
});

/** The least that HTTP/2 allows: what is under way when a connection breaks is lost, and shall be little. */
const WINDOW_BYTES = 64 * 1024;

/** A busy machine takes its time to publish a version, or to start a server, while a read is broken. */
const PATIENT = { resumeWithinMs: 60_000 };

/** A client whose connections lead through a relay. It is patient: what comes twice comes because of a cut, and of nothing else. */
async function throughRelay(mesh: Mesh): Promise<{ relay: CuttingRelay; dataset: Dataset<Row> }> {
  const relay = parts.use(await startCuttingRelay(mesh.server.listening['grpc'] ?? ''));
  const options = { nearCacheBytesMax: 0, flowControlWindowBytes: WINDOW_BYTES };
  return { relay, dataset: parts.use(patientClient(relay.address, options)).dataset<Row>('rows') };
}

it.each([1, 4])(
  'a connection that is cut in the middle of a read by %i readers costs no record, and the partitions that were under way',
  async (readers) => {
    const { upstream, mesh, client } = await rig();
    const rows = rowsOf(40, 1000);
    upstream.put('/rows.json', JSON.stringify(rows));
    const { version, partitions } = await client.dataset('rows').describe();
    const stored = partitions.map(({ storedBytes }) => storedBytes);
    const total = stored.reduce((sum, bytes) => sum + bytes);
    const { relay, dataset } = await throughRelay(mesh);
    relay.cutAfter(total / 2, async () => await eventually(() => expect(relay.refused()).toBeGreaterThan(2)));
    expect(await Array.fromAsync(dataset.records({}, { readers, version, ...PATIENT }))).toEqual(rows);
    expect(relay.refused()).toBeGreaterThan(2);
    // Each reader: the partition that was cut and what had come behind it; 32 KiB for frames, heads and the description.
    const again = relay.received() - total;
    expect(again).toBeLessThan(readers * (Math.max(...stored) + WINDOW_BYTES) + 32 * 1024);
  },
);

it('a read whose connection is cut twice ends on its version, which was replaced meanwhile', async () => {
  const { upstream, mesh, client } = await rig();
  const [before, after] = [rowsOf(40, 500), rowsOf(40, 500, 'changed')];
  upstream.put('/rows.json', JSON.stringify(before));
  const { version } = await client.dataset('rows').describe();
  const { relay, dataset } = await throughRelay(mesh);
  relay.cutAfter(400_000, async () => {
    upstream.put('/rows.json', JSON.stringify(after));
    await eventually(async () => expect(await client.dataset('rows').version()).not.toBe(version));
    relay.cutAfter(400_000, () => undefined);
  });
  expect(await Array.fromAsync(dataset.records({}, PATIENT))).toEqual(before);
  expect(await Array.fromAsync(dataset.records({}, PATIENT))).toEqual(after);
});

it.each([
  ['goes on, for a version that is let go stays readable for a while', false],
  ['fails with its version by name where that is gone', true],
])('a read whose server is killed and started again %s', async (_what, isGone) => {
  const { upstream, mesh, client } = await rig({ keepVersions: 1 }, { store: 'redis' });
  const before = rowsOf(40, 500);
  upstream.put('/rows.json', JSON.stringify(before));
  const { version } = await client.dataset('rows').describe();
  const { relay, dataset } = await throughRelay(mesh);
  relay.cutAfter(600_000, async () => {
    upstream.put('/rows.json', JSON.stringify(rowsOf(40, 500, 'changed')));
    await eventually(async () => expect(await client.dataset('rows').version()).not.toBe(version));
    if (isGone) {
      const keys = (await mesh.redis?.command('KEYS', `*rows@${version}*`)) as Buffer[];
      expect(keys).toHaveLength(1);
      await mesh.redis?.command('UNLINK', ...keys);
    }
    await mesh.server.restart();
    await eventually(async () => await client.get('nothing'));
  });
  const reading = Array.fromAsync(dataset.records({}, PATIENT));
  if (!isGone) expect(await reading).toEqual(before);
  else
    await expect(reading).rejects.toMatchObject({
      code: 'body-broken',
      message: expect.stringContaining(`has no version ${version}`) as string,
      cause: expect.objectContaining({ code: 'not-found' }) as unknown,
    });
});

it.each([
  ['ends on it once it is published', true],
  ['fails when it is not published', false],
])('a read of a version that is still being cut, whose connection breaks, %s', async (_what, isPublished) => {
  const { upstream, mesh } = await rig({ partitionBy: { chunk: { records: 500 } } });
  const rows = rowsOf(40, 500);
  const text = Buffer.from(JSON.stringify(rows));
  const gate = Promise.withResolvers<void>();
  upstream.put('/rows.json', (_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60', 'content-type': 'application/json' });
    response.write(text.subarray(0, text.length / 2));
    void gate.promise.then(() => response.end(isPublished ? text.subarray(text.length / 2) : '{'));
  });
  const { relay, dataset } = await throughRelay(mesh);
  relay.cutAfter(300_000, () => gate.resolve());
  const read: Row[] = [];
  const reading = (async () => {
    for await (const row of dataset.records({}, PATIENT)) read.push(row);
  })();
  if (isPublished) await reading;
  else await expect(reading).rejects.toMatchObject({ code: 'body-broken' });
  expect(new Set(read.map(({ id }) => id)).size).toBe(read.length);
  if (isPublished) expect(read.toSorted((one, other) => one.id - other.id)).toEqual(rows);
  else expect(read.length).toBeGreaterThan(0);
});
