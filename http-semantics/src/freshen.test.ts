import { expect, test } from 'vitest';
import { freshen, freshenByHead } from './freshen.ts';
import { getHeader } from './headers.ts';
import type { HeaderList } from './headers.ts';

const stored: HeaderList = [
  ['Date', 'old'],
  ['Age', '500'],
  ['ETag', '"a"'],
  ['Cache-Control', 'max-age=1'],
  ['Content-Type', 'text/plain'],
  ['Content-Length', '5'],
  ['X-Kept', '1'],
];

function freshened(notModified: HeaderList, headers = stored): HeaderList | undefined {
  const head = freshen(
    { status: 200, headers, requestTimeMs: 1, responseTimeMs: 2 },
    { headers: notModified, requestTimeMs: 30, responseTimeMs: 40 },
  );
  if (head !== undefined) expect(head).toMatchObject({ status: 200, requestTimeMs: 30, responseTimeMs: 40 });
  return head?.headers;
}

test('the fields of the 304 replace the stored ones, all lines of a name at once', () => {
  const headers = freshened([
    ['date', 'new'],
    ['cache-control', 'max-age=9'],
    ['cache-control', 'public'],
    ['X-New', '2'],
  ]);
  expect(headers).toEqual([
    ['ETag', '"a"'],
    ['Content-Type', 'text/plain'],
    ['Content-Length', '5'],
    ['X-Kept', '1'],
    ['date', 'new'],
    ['cache-control', 'max-age=9'],
    ['cache-control', 'public'],
    ['X-New', '2'],
  ]);
});

test('what describes the stored bytes or the connection stays as it was', () => {
  const headers = freshened([
    ['Content-Length', '0'],
    ['Content-Encoding', 'gzip'],
    ['Content-MD5', 'x'],
    ['Content-Range', 'bytes 0-1/2'],
    ['Connection', 'X-Kept'],
    ['X-Kept', 'changed'],
    ['Transfer-Encoding', 'chunked'],
  ]);
  expect(headers).toEqual(stored.slice(2));
});

test('an old Age or Date never ages the new answer', () => {
  const headers = freshened([]) ?? [];
  expect(getHeader(headers, 'age')).toBeUndefined();
  expect(getHeader(headers, 'date')).toBeUndefined();
});

test('a 304 about another representation freshens nothing', () => {
  expect(freshened([['ETag', '"b"']])).toBeUndefined();
  expect(freshened([['ETag', 'a']])).toBeUndefined();
  // Of a strong tag that nothing stored has: https://www.rfc-editor.org/rfc/rfc9111#section-4.3.4-5
  expect(freshened([['ETag', '"a"']], [['Last-Modified', 'x']])).toBeUndefined();
  expect(freshened([['Last-Modified', 'y']], [['Last-Modified', 'x']])).toBeUndefined();
  expect(freshened([['Last-Modified', 'x']], [['Last-Modified', 'x']])).toBeDefined();
});

test('a weak tag is not strengthened by the 304, a strong one may be weakened', () => {
  expect(getHeader(freshened([['ETag', '"a"']], [['ETag', 'W/"a"']]) ?? [], 'etag')).toBe('W/"a"');
  expect(getHeader(freshened([['ETag', 'W/"a"']]) ?? [], 'etag')).toBe('W/"a"');
});

test('a 304 can turn the response private, for mayStore to see', () => {
  expect(getHeader(freshened([['Set-Cookie', 'a=b']]) ?? [], 'set-cookie')).toBe('a=b');
});

/** 304-etag-update-response-… in https://github.com/http-tests/cache-tests */
test('fields about the representation that its bytes do not depend on are replaced', () => {
  for (const name of [
    'Content-Type',
    'Content-Location',
    'Content-Foo',
    'Set-Cookie',
    'Expires',
    'X-Frame-Options',
  ])
    expect(getHeader(freshened([[name, 'changed']]) ?? [], name.toLowerCase())).toBe('changed');
  for (const name of ['Content-Encoding', 'Content-Length', 'Content-MD5', 'Content-Range'])
    expect(freshened([[name, 'changed']])).toEqual(stored.slice(2));
});

function byHead(head: HeaderList, statuses: { head?: number; stored?: number } = {}): unknown {
  const result = freshenByHead(
    { status: statuses.stored ?? 200, headers: stored, requestTimeMs: 1, responseTimeMs: 2 },
    { status: statuses.head ?? 200, headers: head, requestTimeMs: 30, responseTimeMs: 40 },
  );
  return typeof result === 'string' ? result : result.headers;
}

/** head-200-… in https://github.com/http-tests/cache-tests */
test('an answer to HEAD that repeats validators and length updates what is stored and retains the rest', () => {
  expect(
    byHead([
      ['etag', '"a"'],
      ['content-length', '5'],
      ['cache-control', 'max-age=1000'],
    ]),
  ).toEqual([
    ['Content-Type', 'text/plain'],
    ['Content-Length', '5'],
    ['X-Kept', '1'],
    ['etag', '"a"'],
    ['cache-control', 'max-age=1000'],
  ]);
  expect(byHead([])).toEqual(stored.slice(2));
});

test('an answer to HEAD with another validator or length outdates what is stored, another status says nothing', () => {
  const others: HeaderList = [
    ['ETag', '"b"'],
    ['ETag', 'a'],
    ['Last-Modified', 'x'],
    ['Content-Length', '6'],
  ];
  for (const header of others) expect(byHead([header])).toBe('outdated');
  expect(byHead([], { head: 410 })).toBe('unrelated');
  expect(byHead([], { stored: 404 })).toBe('unrelated');
});
