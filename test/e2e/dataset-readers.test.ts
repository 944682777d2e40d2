import { createHash } from 'node:crypto';
import { connect } from '@pannier/client';
import type { PannierClient } from '@pannier/client';
import { afterEach, expect, it } from 'vitest';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh, MeshOptions } from '../fixture/mesh.ts';
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
  dataset: object = {},
  options: MeshOptions = {},
): Promise<{ upstream: FileUpstream; mesh: Mesh; client: PannierClient }> {
  const upstream = parts.use(await startFileUpstream());
  const config = {
    upstreams: { files: { url: upstream.url } },
    datasets: { rows: { ...BUCKETS, ...dataset } },
  };
  const mesh = parts.use(await startMesh({ proxies: 0, ...options, config: config as never }));
  return { upstream, mesh, client: parts.use(connect(mesh.server.listening['grpc'] ?? '')) };
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
