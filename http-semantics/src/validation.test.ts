import { expect, test } from 'vitest';
import { isStrongEtag, parseEntityTags } from './entity-tag.ts';
import type { HeaderList } from './headers.ts';
import { conditionalHeaders, notModifiedFor } from './validation.ts';

const now = Date.UTC(2026, 0, 1);
const monday = 'Mon, 05 Jan 2026 00:00:00 GMT';
const tuesday = 'Tue, 06 Jan 2026 00:00:00 GMT';

function answers304(request: HeaderList, stored: HeaderList, status = 200): boolean {
  return (
    notModifiedFor(
      { method: 'GET', headers: request },
      { status, headers: stored, requestTimeMs: now, responseTimeMs: now },
      now,
    ) !== undefined
  );
}

test('both validators are sent as they came, and bad ones are not', () => {
  expect(
    conditionalHeaders([
      ['ETag', 'W/"a,b"'],
      ['Last-Modified', monday],
    ]),
  ).toEqual([
    ['if-none-match', 'W/"a,b"'],
    ['if-modified-since', monday],
  ]);
  expect(
    conditionalHeaders([
      ['ETag', 'a'],
      ['Last-Modified', 'monday'],
    ]),
  ).toEqual([]);
  expect(
    conditionalHeaders([
      ['ETag', '"a"'],
      ['ETag', '"b"'],
    ]),
  ).toEqual([]);
});

test('a client that has one of the tags, weak or strong, is told so', () => {
  for (const condition of ['"a"', 'W/"a"', '"x", "a"', '"x" ,W/"a"', '"x,y",, "a"', '*']) {
    expect(answers304([['If-None-Match', condition]], [['ETag', '"a"']]), condition).toBe(true);
    expect(answers304([['If-None-Match', condition]], [['ETag', 'W/"a"']]), condition).toBe(true);
  }
});

test('a client that has another, or sends garbage, gets the body', () => {
  for (const condition of ['"b"', '"A"', 'a', 'w/"a"', '"x" "a"', '"x', '', '"*"', '*, "b"']) {
    expect(answers304([['If-None-Match', condition]], [['ETag', '"a"']]), condition).toBe(false);
  }
  expect(answers304([['If-None-Match', '"a"']], [])).toBe(false);
  expect(answers304([], [['ETag', '"a"']])).toBe(false);
});

test('dates decide only where no tag does', () => {
  const stored: HeaderList = [
    ['ETag', '"a"'],
    ['Last-Modified', monday],
  ];
  expect(answers304([['If-Modified-Since', monday]], stored)).toBe(true);
  expect(answers304([['If-Modified-Since', tuesday]], stored)).toBe(true);
  expect(answers304([['If-Modified-Since', monday]], [['Last-Modified', tuesday]])).toBe(false);
  expect(answers304([['If-Modified-Since', 'today']], stored)).toBe(false);
  expect(
    answers304(
      [
        ['If-Modified-Since', tuesday],
        ['If-None-Match', '"b"'],
      ],
      stored,
    ),
  ).toBe(false);
});

test('only a 200 has a 304 to stand for it', () => {
  expect(answers304([['If-None-Match', '"a"']], [['ETag', '"a"']], 404)).toBe(false);
});

test('the 304 repeats what a cache needs and nothing that describes the body', () => {
  const headers: HeaderList = [
    ['Date', monday],
    ['ETag', '"a"'],
    ['Cache-Control', 'max-age=1'],
    ['Vary', 'Accept-Encoding'],
    ['Content-Type', 'text/plain'],
    ['Content-Length', '5'],
    ['X-Other', '1'],
  ];
  const stored = { status: 200, headers, requestTimeMs: now, responseTimeMs: now };
  expect(notModifiedFor({ method: 'GET', headers: [['If-None-Match', '"a"']] }, stored, now)).toEqual(
    headers.slice(0, 4),
  );
});

test('strong tags are told from weak ones and from garbage', () => {
  expect(isStrongEtag('"a"')).toBe(true);
  for (const tag of ['W/"a"', 'a', '"a', '"a" ', '"a"b"', '"a b"', undefined])
    expect(isStrongEtag(tag)).toBe(false);
  expect(isStrongEtag('""')).toBe(true);
});

test('a list of tags is read up to the first piece of garbage', () => {
  expect(parseEntityTags('"a",W/"b,c" , "d"')).toEqual(['"a"', 'W/"b,c"', '"d"']);
  expect(parseEntityTags('"a", x, "b"')).toEqual(['"a"']);
});
