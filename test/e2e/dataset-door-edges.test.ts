import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { startFileUpstream } from './file-upstream.ts';
import type { FileUpstream } from './file-upstream.ts';

const odd = [
  '{"id":9007199254740992,"country":"CZ","version":1}',
  '{"id":9007199254740993,"country":"DE","version":2}',
  '{"id":7,"country":"DE","version":2,"partition":"x"}',
];

let upstream: FileUpstream;
let mesh: Mesh;

beforeAll(async () => {
  upstream = await startFileUpstream();
  upstream.put('/odd.json', `[${odd.join()}]`);
  upstream.put('/parts.json', JSON.stringify(Array.from({ length: 1500 }, (_none, id) => wide(id, 10))));
  upstream.put('/wide.json', JSON.stringify(Array.from({ length: 1000 }, (_none, id) => wide(id, 60))));
  const base = { upstream: 'files', partitionBy: { field: 'country' } };
  const datasets = {
    odd: { ...base, endpoint: '/odd.json' },
    parts: { ...base, endpoint: '/parts.json', partitionBytesMax: 1024 },
    wide: { ...base, endpoint: '/wide.json', partitionBy: { field: 'id' } },
  };
  mesh = await startMesh({ config: { upstreams: { files: { url: upstream.url } }, datasets } });
});

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

function wide(id: number, fields: number): Record<string, unknown> {
  const texts: [string, string][] = Array.from({ length: fields }, (_none, at) => [
    `field_number_${at}`,
    `some text value ${id} ${at}`,
  ]);
  return { id, country: 'US', ...Object.fromEntries(texts) };
}

interface Answer {
  readonly status: number;
  readonly etag: string;
  readonly text: string;
}

/** Not `fetch`, which adds headers of its own. */
async function door(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  request(`${mesh.proxyUrl()}/.pannier/datasets${path}`, { headers }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    response.on('error', reject).on('end', () => {
      resolve({ status: response.statusCode ?? 0, etag: String(response.headers.etag), text });
    });
  })
    .on('error', reject)
    .end();
  return await promise;
}

async function records(query: string): Promise<string[]> {
  const { status, text } = await door(`/odd/records?${query}`);
  return status === 200 ? text.split('\n').slice(0, -1) : [`${status} ${text}`];
}

function filter(json: string): string {
  return `filter=${encodeURIComponent(json)}`;
}

it('reads every digit of a filter, and of a value', async () => {
  expect(await records('id=9007199254740993')).toEqual([odd[1]]);
  expect(await records(filter('{"id":9007199254740993}'))).toEqual([odd[1]]);
  expect(await records(filter('{"id":{"gt":9007199254740992}}'))).toEqual([odd[1]]);
  for (const query of ['id=0.10000000000000000000001', filter('{"id":0.10000000000000000000001}')])
    expect(await records(query)).toEqual([expect.stringMatching(/^400 .*id/)]);
});

it('takes every name but three as that of a field, and leaves none out of account', async () => {
  expect(await records('version=2')).toEqual([odd[1], odd[2]]);
  expect(await records('partition=x')).toEqual([odd[2]]);
  expect(await records('nonsense=1')).toEqual([expect.stringContaining('no field "nonsense"')]);
  expect(await records(`country=DE&${filter('{"country":"CZ"}')}`)).toEqual([]);
  expect(await records(`country=DE&${filter('{"id":7}')}&${filter('{"version":2}')}`)).toEqual([odd[2]]);
  expect(await records('id=7&fields=id&fields=version')).toEqual(['{"id":7,"version":2}']);
  expect(await records('limit=1&limit=2')).toEqual([expect.stringContaining('limit')]);
  expect((await door('/odd/partitions/DE?country=CZ')).status).toBe(400);
});

it('what objects inherit is neither a format nor an operator', async () => {
  for (const accept of ['constructor', 'toString', '__proto__'])
    expect((await door('/odd/records', { accept })).status).toBe(400);
  expect(await records(filter('{"id":{"toString":5}}'))).toEqual([
    expect.stringMatching(/^400 .*filter\.id/),
  ]);
});

it('answers 304 only for what is there and in the same format', async () => {
  const any = { 'if-none-match': '*' };
  expect((await door('/odd/partitions/XX', any)).status).toBe(404);
  expect((await door('/odd/records?fields=nothing', any)).status).toBe(400);
  expect((await door('/odd/partitions/DE', any)).status).toBe(304);
  const lines = await door('/odd/records');
  const known = { 'if-none-match': lines.etag };
  expect((await door('/odd/records', known)).status).toBe(304);
  expect((await door('/odd/records', { ...known, accept: 'application/json' })).status).toBe(200);
});

it('gives a partition of very many parts', async () => {
  const { status, text, etag } = await door('/parts/partitions/US');
  expect([status, text.split('\n').length - 1]).toEqual([200, 1500]);
  expect(etag.length).toBeLessThan(60);
});

it('describes thousands of partitions with all of their statistics', async () => {
  const { status, text } = await door('/wide');
  const { records: count, partitions } = JSON.parse(text) as {
    records: number;
    partitions: { name: string; fields: { name: string; minString?: string }[] }[];
  };
  expect([status, count, partitions.length]).toEqual([200, 1000, 1000]);
  for (const { fields } of partitions) expect(fields).toHaveLength(62);
  const last = partitions.find(({ name }) => name === '999');
  expect(last?.fields.at(-1)?.minString).toBe('some text value 999 59');
});
