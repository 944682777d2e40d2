import type { IncomingMessage, ServerResponse } from 'node:http';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { startDatasets } from '../get-dataset.fixture.ts';
import type { TestDatasets } from '../get-dataset.fixture.ts';

const PAGED = { endpoint: '/d', partitionBy: { chunk: { records: 1_000_000 } } };
const CURSOR = { ...PAGED, records: '/items', pages: { next: { cursor: '/next', parameter: 'page' } } };
const NUMBER = { ...PAGED, pages: { next: { parameter: 'page', start: 0 } } };

/** Answers by the number of the page, counted from 0. */
function serve(
  api: TestDatasets,
  page: (number: number) => string | Buffer,
  headers: Record<string, string> = {},
): void {
  api.put('/d', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    const number = Number(new URL(url, 'http://api').searchParams.get('page') ?? 0);
    response.writeHead(200, { 'cache-control': 'max-age=60', ...headers }).end(page(number));
  });
}

async function start(d: object): Promise<TestDatasets> {
  return await startDatasets({ datasets: { d } });
}

const FIVE = [0, 1, 2, 3, 4].map((id) => ({ id }));
const withCursor = (at: number): string =>
  JSON.stringify({ items: [{ id: at }], next: at < 4 ? at + 1 : null });

describe('all pages are read, and not the first one only,', () => {
  test.each([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('where the document is compressed by %s and the cursor stands in it', async (compression, compress) => {
    const api = await start({ ...CURSOR, compression });
    serve(api, (at) => compress(withCursor(at)));
    expect(await api.records()).toEqual(FIVE);
  });

  test('where the document is compressed once more on its way', async () => {
    const api = await start({ ...CURSOR, compression: 'br' });
    serve(api, (at) => gzipSync(brotliCompressSync(withCursor(at))), { 'content-encoding': 'gzip' });
    expect(await api.records()).toEqual(FIVE);
  });

  test.each([
    ['json', (at: number) => JSON.stringify(FIVE.slice(at, at + 1))],
    ['ndjson', (at: number) => (at < 5 ? `\n{"id":${at}}\n` : '\n\n')],
    ['csv', (at: number) => (at < 5 ? `id\n${at}\n` : 'id\n')],
  ])('where compressed %s is walked by number', async (format, page) => {
    const api = await start({ ...NUMBER, format, types: { id: 'integer' }, compression: 'gzip' });
    serve(api, (at) => gzipSync(page(at)));
    expect(await api.records()).toEqual(FIVE);
    expect(api.counts.get('/d')).toBe(7);
  });

  test('where the cursor is a number that a double does not hold', async () => {
    const first = 2n ** 53n;
    const api = await start(CURSOR);
    api.put('/d', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
      const after = BigInt(new URL(url, 'http://api').searchParams.get('page') ?? first);
      const next = after < first + 4n ? after + 1n : null;
      response.end(`{"items":[{"id":${after}}],"next":${next}}`);
    });
    const ids = (await api.records()).map(({ id }) => BigInt(String(id)));
    expect(ids).toEqual([0n, 1n, 2n, 3n, 4n].map((at) => first + at));
  });
});

describe('a total', () => {
  const d = {
    ...NUMBER,
    records: '/items',
    pages: { next: { parameter: 'page', start: 0, total: '/total' } },
  };
  const page = (at: number, total: unknown): string =>
    JSON.stringify({ total, items: FIVE.slice(2 * at, 2 * at + 2) });

  test('ends the walk when all have come', async () => {
    const api = await start(d);
    serve(api, (at) => page(at, 5));
    expect(await api.records()).toEqual(FIVE);
    expect(api.counts.get('/d')).toBe(4);
  });

  test.each([
    [6, /page 4: 5 records came, and the total at \/total is 6/],
    [3, /page 2: 4 records came, and the total at \/total is 3/],
    [null, /page 1: the total at \/total is no number/],
  ])('of %s where there are five refuses the version', async (total, why) => {
    const api = await start(d);
    serve(api, (at) => page(at, total));
    await expect(api.records()).rejects.toThrow(why);
    expect((await api.service.versions('d')).versions).toEqual([]);
  });
});

describe('what cannot be looked into is refused with dataset, upstream, endpoint and page:', () => {
  const place = String.raw`dataset d \(upstream api, endpoint /d\): page 2: `;

  test.each([
    [
      'a damaged body',
      { 'content-encoding': 'gzip' },
      'the gzip document is damaged: incorrect header check',
    ],
    ['an unknown coding', { 'content-encoding': 'lzma' }, 'its coding lzma is not known'],
  ])('%s', async (_what, headers, why) => {
    const api = await start(CURSOR);
    api.put('/d', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
      const isSecond = url.includes('page=1');
      response.writeHead(200, isSecond ? headers : {}).end(withCursor(0));
    });
    await expect(api.records()).rejects.toThrow(new RegExp(place + why));
  });

  test('a connection that breaks', async () => {
    const api = await start(CURSOR);
    api.put('/d', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
      if (url.includes('page=1')) response.destroy();
      else response.end(withCursor(0));
    });
    await expect(api.records()).rejects.toThrow(new RegExp(place));
  });
});

test('a large page is looked into where it goes by, and parsed by the thread that cuts it only', async () => {
  const api = await start(CURSOR);
  const items = Array.from({ length: 100_000 }, (_none, id) => ({ id, a: [1, { b: `text ${id}` }] }));
  const large = JSON.stringify({ items, next: null });
  serve(api, () => large);
  const parse = vi.spyOn(JSON, 'parse');
  const { records } = await api.service.describe('d', '', new AbortController().signal);
  const longest = Math.max(0, ...parse.mock.calls.map(([text]) => text.length));
  parse.mockRestore();
  expect(records).toBe(100_000);
  expect(longest).toBeLessThan(10_000);
});
