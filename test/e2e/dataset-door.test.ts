import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { decodeMulti } from '@msgpack/msgpack';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import type { CurlAnswer } from '../fixture/curl.ts';
import { startMesh } from '../fixture/mesh.ts';
import type { Mesh } from '../fixture/mesh.ts';
import { startFileUpstream } from './file-upstream.ts';
import type { FileUpstream } from './file-upstream.ts';

const rows = Array.from({ length: 600 }, (_none, id) => ({
  id,
  country: ['CZ', 'DE', 'FR'][id % 3],
  ...(id % 2 === 0 ? { area: id / 4 } : {}),
  big: null,
}));
// JSON.stringify cannot write it.
const text = JSON.stringify(rows).replace('"big":null', '"big":9007199254740993');

let upstream: FileUpstream;
let mesh: Mesh;

beforeAll(async () => {
  upstream = await startFileUpstream();
  upstream.put('/places.json', text);
  const places = { upstream: 'files', endpoint: '/places.json', partitionBy: { field: 'country' } };
  mesh = await startMesh({ config: { upstreams: { files: { url: upstream.url } }, datasets: { places } } });
});

afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

async function door(path: string, headers: Record<string, string> = {}): Promise<CurlAnswer> {
  return await curl(`${mesh.proxyUrl()}/.pannier/datasets${path}`, undefined, { headers });
}

function lines(answer: CurlAnswer): Record<string, unknown>[] {
  return answer.body
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

it('tells what there is, and what a dataset holds', async () => {
  const list = JSON.parse((await door('')).body.toString()) as { dataset: string }[];
  expect(list.map(({ dataset }) => dataset)).toEqual(['places']);
  const answer = await door('/places');
  const { records, partitions } = JSON.parse(answer.body.toString()) as {
    records: number;
    partitions: { name: string }[];
  };
  expect([records, partitions.map(({ name }) => name)]).toEqual([600, ['CZ', 'DE', 'FR']]);
  const again = await door('/places', { 'if-none-match': String(answer.headers.etag) });
  expect([again.status, again.body.length]).toEqual([304, 0]);
});

it('gives records of several countries, picked fields and a few of them', async () => {
  const two = lines(await door('/places/records?country=FR&country=DE'));
  expect(two).toEqual([
    ...rows.filter(({ country }) => country === 'DE'),
    ...rows.filter(({ country }) => country === 'FR'),
  ]);
  const few = lines(await door('/places/records?id=7&fields=id,country'));
  expect(few).toEqual([{ id: 7, country: 'DE' }]);
  const near = lines(
    await door(`/places/records?filter=${encodeURIComponent('{"area":{"gte":100}}')}&limit=5`),
  );
  expect(near).toHaveLength(5);
  for (const { area } of near) expect(Number(area)).toBeGreaterThanOrEqual(100);
});

it('writes JSON, lines or MessagePack, keeps every digit and the order of keys, and compresses', async () => {
  const array = await door('/places/records?country=CZ', { accept: 'application/json' });
  expect(JSON.parse(array.body.toString())).toHaveLength(200);
  expect(array.body.toString()).toContain('{"id":0,"country":"CZ","area":0,"big":9007199254740993}');
  const packed = await door('/places/records?country=CZ', { accept: 'application/msgpack' });
  const decoded = [...decodeMulti(packed.body, { useBigInt64: true })] as {
    id: number;
    big: bigint | null;
  }[];
  expect(decoded).toHaveLength(200);
  expect(decoded[0]?.big).toBe(9007199254740993n);
  const zipped = await door('/places/records', { 'accept-encoding': 'gzip' });
  expect(zipped.headers['content-encoding']).toBe('gzip');
  expect(gunzipSync(zipped.body).toString().trim().split('\n')).toHaveLength(600);
});

it('answers 304 for a version, and for a partition, that the client has', async () => {
  for (const path of ['/places/records?country=CZ', '/places/partitions/CZ']) {
    const first = await door(path);
    expect(lines(first)).toHaveLength(200);
    const again = await door(path, { 'if-none-match': String(first.headers.etag) });
    expect([again.status, again.body.length]).toEqual([304, 0]);
  }
});

it('names what is wrong with a request', async () => {
  const told = async (path: string, headers = {}): Promise<[number, string]> => {
    const { status, body } = await door(path, headers);
    return [status, body.toString()];
  };
  expect(await told('/nothing')).toEqual([404, expect.stringContaining('declared are: places')]);
  expect(await told('/places/records?population=1')).toEqual([
    400,
    expect.stringContaining('no field "population"'),
  ]);
  expect(await told('/places/records?limit=x')).toEqual([400, expect.stringContaining('limit')]);
  expect(await told('/places/partitions/XX')).toEqual([404, expect.stringContaining('no partition "XX"')]);
  expect(await told('/places/records', { accept: 'image/png' })).toEqual([
    400,
    expect.stringContaining('Accept'),
  ]);
  // Through the proxy the same path belongs to the upstream.
  expect((await curl(`${upstream.url}/.pannier/datasets`, mesh.proxyUrl())).status).toBe(404);
});

const run = promisify(execFile);

async function pannier(...args: string[]): Promise<string> {
  const server = mesh.server.listening['grpc'] ?? '';
  const { stdout } = await run(process.execPath, ['client-sdk/src/cli/main.ts', '-s', server, ...args]);
  return stdout;
}

it('the command shows, compares and writes types that compile', async () => {
  expect(await pannier('dataset', 'show', 'places')).toMatch(
    /records {2}600[\s\S]*3 partitions, by records[\s\S]*CZ/,
  );
  const versions = await pannier('dataset', 'versions', 'places');
  expect(versions).toMatch(/current .* 600 /);
  const version = versions.trim().split(/\s+/).at(-1) ?? '';
  expect(await pannier('dataset', 'diff', 'places', version)).toContain('3 partitions are the same');
  expect(await pannier('dataset', 'pin', 'places', version)).toContain('until it is unpinned');
  const types = await pannier('types');
  expect(types).toContain('export interface Places {');
  expect(types).toContain('readonly area?: number;');
  expect(types).toContain('readonly big: number | bigint | null;');
  expect(types).toContain('| "CZ"');
  const folder = mkdtempSync(join(tmpdir(), 'pannier-types-'));
  try {
    writeFileSync(join(folder, 'datasets.ts'), types);
    const use = `import type { Datasets } from './datasets.ts';
      export const country: Datasets['places']['partition'] = 'CZ';
      export const area = (place: Datasets['places']['record']): number => place.area ?? 0;`;
    writeFileSync(join(folder, 'use.ts'), use);
    const flags = [
      '--noEmit',
      '--strict',
      '--allowImportingTsExtensions',
      '--module',
      'nodenext',
      '--ignoreConfig',
    ];
    await run('node_modules/.bin/tsc', [...flags, join(folder, 'use.ts')]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
