import { anyOf } from '@pannier/client';
import type { PannierClient } from '@pannier/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { patientClient } from '../fixture/patient-client.ts';
import { startFileUpstream } from './file-upstream.ts';
import type { FileUpstream } from './file-upstream.ts';

const rows = Array.from({ length: 60_000 }, (_none, id) => ({
  id,
  name: `name of ${id}`,
  ...(id % 2 === 0 ? { even: true } : {}),
}));

let upstream: FileUpstream;
let mesh: Mesh;
let client: PannierClient;

beforeAll(async () => {
  upstream = await startFileUpstream();
  upstream.put('/rows.json', JSON.stringify(rows));
  const dataset = {
    upstream: 'files',
    endpoint: '/rows.json',
    partitionBy: { chunk: { records: 1_000_000 } },
  };
  mesh = await startMesh({
    proxies: 0,
    config: { upstreams: { files: { url: upstream.url } }, datasets: { rows: dataset } },
  });
  client = patientClient(mesh.server.listening['grpc']);
  await client.dataset('rows').version();
});

afterAll(async () => {
  client.close();
  await mesh[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function ask(): Promise<number> {
  return (await fetch(`http://${mesh.server.listening['admin']}/livez`)).status;
}

it('serves others while it tries many conditions on many records', async () => {
  const prefixes = Array.from({ length: 300 }, (_none, at) => ({ name: { prefix: `name of 1x${at}` } }));
  const read = collect(client.dataset('rows').records(anyOf(...prefixes, { id: { gte: 59_990 } })));
  const over = new AbortController();
  void read.finally(() => over.abort());
  let answers = 0;
  while (!over.signal.aborted) {
    expect(await ask()).toBe(200);
    answers += 1;
  }
  expect(await read).toEqual(rows.slice(59_990));
  expect(answers).toBeGreaterThan(5);
});

it('refuses more conditions than can be tried, and says what would be right', async () => {
  const prefixes = Array.from({ length: 5000 }, (_none, at) => ({ name: { prefix: `name of 1x${at}` } }));
  await expect(collect(client.dataset('rows').records(anyOf(...prefixes)))).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringContaining('a list of values (`in`) is one condition') as string,
  });
  const names = Array.from({ length: 5000 }, (_none, at) => `name of ${at * 100}`);
  expect(await collect(client.dataset('rows').records({ name: names }))).toHaveLength(600);
});

it('ends the search of a reader who leaves', async () => {
  const prefixes = Array.from({ length: 300 }, (_none, at) => ({ name: { prefix: `name of 1x${at}` } }));
  const leaver = new AbortController();
  const read = collect(client.dataset('rows').records(anyOf(...prefixes), { signal: leaver.signal }));
  leaver.abort(new Error('enough'));
  await expect(read).rejects.toThrow('enough');
  expect(await collect(client.dataset('rows').records({ id: 7 }))).toEqual([rows[7]]);
});
