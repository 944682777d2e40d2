import { expect, test } from 'vitest';
import type { Header, HeaderList } from './headers.ts';
import { formatHttpDate } from './http-date.ts';
import { evaluatePreconditions, rangeStillApplies } from './preconditions.ts';
import type { StoredHead } from './stored-head.ts';

const now = Date.UTC(2026, 0, 1);
const at = (seconds: number): string => formatHttpDate(now + seconds * 1000);
const stored = (headers: HeaderList, status = 200): StoredHead => ({
  status,
  headers,
  requestTimeMs: now,
  responseTimeMs: now,
});

function evaluated(
  request: HeaderList,
  headers: HeaderList,
  { method = 'GET', status = 200 }: { method?: string; status?: number } = {},
): string {
  return evaluatePreconditions({ method, headers: request }, stored(headers, status), now);
}
const noneMatch = (condition: string, etag = '"a"', method = 'GET'): string =>
  evaluated([['If-None-Match', condition]], [['ETag', etag]], { method });

/** conditional-etag-… in https://github.com/http-tests/cache-tests */
test('a client that has one of the tags, weak or strong, is told so', () => {
  for (const condition of [
    '"a"',
    'W/"a"',
    '"x", "a"',
    '"a" , "x"',
    '"x","a",W/"y"',
    '"x,y",, "a"',
    '*',
    ' * ',
  ]) {
    expect(noneMatch(condition), condition).toBe('not-modified');
    expect(noneMatch(condition, 'W/"a"', 'HEAD'), condition).toBe('not-modified');
  }
  expect(noneMatch('"abcdef\u00fc"', '"abcdef\u00fc"')).toBe('not-modified');
  for (const condition of ['"b"', '"A"', 'a', 'w/"a"', 'W\\"a"', 'W"a"', '"x" "a"', '', '"*"', '*, "b"'])
    expect(noneMatch(condition), condition).toBe('none');
  expect(noneMatch('a', 'a')).toBe('none');
  expect(noneMatch('', '')).toBe('none');
});

/** conditional-lm-… in https://github.com/http-tests/cache-tests */
test('a date is compared to Last-Modified, else to Date, else to the arrival', () => {
  const since = (seconds: number): HeaderList => [['If-Modified-Since', at(seconds)]];
  const modified: HeaderList = [
    ['Last-Modified', at(-3000)],
    ['Date', at(0)],
  ];
  for (const seconds of [-3000, -2000]) expect(evaluated(since(seconds), modified)).toBe('not-modified');
  expect(evaluated(since(-3001), modified)).toBe('none');
  expect(evaluated(since(-5), [['Date', at(-5)]])).toBe('not-modified');
  expect(evaluated(since(-6), [['Date', at(-5)]])).toBe('none');
  expect(evaluated(since(0), [])).toBe('not-modified');
  expect(evaluated(since(-1), [])).toBe('none');
  const rfc850 = 'Wednesday, 31-Dec-25 23:10:00 GMT';
  expect(evaluated([['If-Modified-Since', rfc850]], modified)).toBe('not-modified');
});

test('a date counts only where no tag is named, and garbage not at all', () => {
  const headers: HeaderList = [
    ['ETag', '"a"'],
    ['Last-Modified', at(-9)],
  ];
  const date: Header = ['If-Modified-Since', at(0)];
  expect(evaluated([date, ['If-None-Match', '"b"']], headers)).toBe('none');
  expect(
    evaluated(
      [
        ['If-None-Match', '"a"'],
        ['If-Modified-Since', at(-99)],
      ],
      headers,
    ),
  ).toBe('not-modified');
  expect(evaluated([['If-Modified-Since', 'today']], headers)).toBe('none');
  expect(evaluated([date, date], headers)).toBe('none');
  expect(evaluated([], headers)).toBe('none');
});

test('conditions are judged for GET and HEAD of a successful response, and only those that are ours', () => {
  const request: HeaderList = [['If-None-Match', '*']];
  expect(evaluated(request, [], { method: 'POST' })).toBe('none');
  expect(evaluated(request, [], { status: 404 })).toBe('none');
  expect(evaluated(request, [], { status: 203 })).toBe('not-modified');
  expect(evaluated([['If-Match', '"x"']], [['ETag', '"a"']])).toBe('none');
  expect(evaluated([['If-Unmodified-Since', at(-99)]], [['Last-Modified', at(-9)]])).toBe('none');
});

test('a range applies to exactly the representation that If-Range names', () => {
  const applies = (condition: string, headers: HeaderList): boolean =>
    rangeStillApplies({ method: 'GET', headers: [['If-Range', condition]] }, stored(headers));
  expect(rangeStillApplies({ method: 'GET', headers: [] }, stored([]))).toBe(true);
  expect(applies('"a"', [['ETag', '"a"']])).toBe(true);
  for (const condition of ['"b"', 'W/"a"', 'a', '*', '"a", "b"', ''])
    expect(applies(condition, [['ETag', '"a"']])).toBe(false);
  expect(applies('W/"a"', [['ETag', 'W/"a"']])).toBe(false);
  const dated = (seconds: number): HeaderList => [
    ['Last-Modified', at(seconds)],
    ['Date', at(0)],
  ];
  expect(applies(at(-60), dated(-60))).toBe(true);
  expect(applies(at(-59), dated(-59))).toBe(false);
  expect(applies(at(-90), dated(-60))).toBe(false);
  expect(applies(at(-60), [['Last-Modified', at(-60)]])).toBe(false);
  expect(
    applies('yesterday', [
      ['Last-Modified', 'yesterday'],
      ['Date', at(0)],
    ]),
  ).toBe(false);
});
