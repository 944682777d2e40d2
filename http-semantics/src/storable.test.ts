import { expect, test } from 'vitest';
import type { Header, HeaderList } from './headers.ts';
import { formatHttpDate } from './http-date.ts';
import { storability } from './storable.ts';

const now = Date.UTC(2026, 0, 1);
const fresh: Header = ['Cache-Control', 'max-age=60'];

function verdict(
  status: number,
  headers: HeaderList,
  request: { method?: string; headers?: HeaderList } = {},
): string {
  const result = storability({ method: 'GET', headers: [], ...request }, { status, headers }, now);
  return result.storable ? 'storable' : result.reason;
}

test('a fresh or revalidatable 200 to a plain GET is storable', () => {
  const lastModified = formatHttpDate(now - 1e9);
  const heads: HeaderList[] = [
    [fresh],
    [['Expires', formatHttpDate(now + 1000)]],
    [['ETag', '"a"']],
    [['ETag', 'W/"a"']],
    [['Last-Modified', lastModified]],
    [
      ['Cache-Control', 'no-cache'],
      ['ETag', '"a"'],
    ],
    [fresh, ['Vary', 'accept-encoding, Accept-Encoding']],
  ];
  for (const headers of heads) expect(verdict(200, headers)).toBe('storable');
});

test('what is meant for one caller is not shared', () => {
  expect(verdict(200, [fresh, ['Cache-Control', 'private']])).toBe('private');
  expect(verdict(200, [['Cache-Control', 'max-age=60, private="x-user"']])).toBe('private');
  expect(verdict(200, [fresh, ['Set-Cookie', 'a=b']])).toBe('set-cookie');
  expect(verdict(200, [fresh, ['set-cookie2', 'a=b']])).toBe('set-cookie');
  expect(verdict(200, [fresh, ['CACHE-CONTROL', 'NO-STORE']])).toBe('no-store');
  expect(verdict(200, [fresh, ['Vary', 'Accept-Encoding, Cookie']])).toBe('vary');
  expect(verdict(200, [fresh, ['Vary', 'Accept-Encoding'], ['Vary', '*']])).toBe('vary-any');
});

test('an answer to a request that may not be shared is not storable', () => {
  expect(verdict(200, [fresh], { method: 'HEAD' })).toBe('method');
  expect(verdict(200, [fresh], { method: 'get' })).toBe('method');
  expect(verdict(200, [fresh], { headers: [['Authorization', 'Bearer x']] })).toBe('request');
});

test('a part is never stored as the whole', () => {
  expect(verdict(206, [fresh])).toBe('partial');
  expect(verdict(304, [fresh])).toBe('partial');
  expect(verdict(200, [fresh, ['Content-Range', 'bytes 0-1/2']])).toBe('partial');
});

test('statuses beside 200 need a lifetime, and most are not stored at all', () => {
  for (const status of [203, 204, 300, 301, 308, 404, 405, 410, 414, 501]) {
    expect(verdict(status, [fresh])).toBe('storable');
    expect(verdict(status, [['ETag', '"a"']])).toBe('status-without-freshness');
  }
  for (const status of [100, 201, 302, 307, 400, 401, 403, 429, 500, 502, 503, 599, 999])
    expect(verdict(status, [fresh])).toBe('status');
});

test('what can be neither reused nor revalidated is not stored', () => {
  const heads: HeaderList[] = [
    [],
    [['Cache-Control', 'max-age=0']],
    [['Cache-Control', 'max-age=60, no-cache']],
    [['Cache-Control', 'max-age=sixty']],
    [['Expires', '0']],
    [
      ['Expires', formatHttpDate(now + 1000)],
      ['Pragma', 'no-cache'],
    ],
    [['ETag', 'unquoted']],
    [
      ['ETag', '"a"'],
      ['ETag', '"b"'],
    ],
    [['Last-Modified', 'yesterday']],
  ];
  for (const headers of heads) expect(verdict(200, headers)).toBe('nothing-to-reuse');
});
