import { expect, test } from 'vitest';
import { cacheControlOf } from './cache-control.ts';
import { DELTA_SECONDS_MAX } from './directive-list.ts';
import type { CacheControl } from './cache-control.ts';

function parseCacheControl(...lines: string[]): CacheControl {
  return cacheControlOf(lines.map((line) => ['Cache-Control', line]));
}

test('directives are read in any case and from all lines', () => {
  const directives = cacheControlOf([
    ['Cache-Control', 'PUBLIC, Max-Age=60'],
    ['cache-control', 's-maxage="120" , MUST-revalidate,,'],
  ]);
  expect(directives).toMatchObject({
    public: true,
    maxAgeS: 60,
    sMaxAgeS: 120,
    mustRevalidate: true,
    noStore: false,
  });
});

test('of duplicate durations the strictest counts', () => {
  expect(parseCacheControl('max-age=60, max-age=10').maxAgeS).toBe(10);
  expect(parseCacheControl('max-age=10, max-age=60').maxAgeS).toBe(10);
  expect(parseCacheControl('min-fresh=10, min-fresh=60').minFreshS).toBe(60);
});

test('a bad duration is no duration at all, a huge one is the largest', () => {
  for (const bad of [
    '',
    '=',
    '=-1',
    '=1.5',
    '=abc',
    '=1e9',
    '= 60',
    '=60;x',
    '="60',
    "='60'",
    '=60 seconds',
    '=0x10',
  ]) {
    expect(parseCacheControl(`max-age${bad}`).maxAgeS, bad).toBe(0);
  }
  expect(parseCacheControl('max-age=99999999999999999999').maxAgeS).toBe(DELTA_SECONDS_MAX);
  expect(parseCacheControl('public').maxAgeS).toBeUndefined();
});

test('a qualified restriction counts as unqualified', () => {
  expect(parseCacheControl('no-cache="set-cookie, x", private=x')).toMatchObject({
    noCache: true,
    private: true,
  });
});

test('what stands inside a quoted string is no directive', () => {
  expect(parseCacheControl('x="no-store, \\", private", max-age=5')).toMatchObject({
    noStore: false,
    private: false,
    maxAgeS: 5,
  });
});

test('a quote that never closes hides no restriction', () => {
  expect(parseCacheControl('x="abc, no-store').noStore).toBe(true);
  expect(parseCacheControl('no-cache="x, private').private).toBe(true);
  expect(parseCacheControl('x="', 'no-store', '"').noStore).toBe(true);
});

test('a restriction inside garbage still restricts, a permission there permits nothing', () => {
  expect(parseCacheControl('private; max-age=60')).toMatchObject({ private: true, maxAgeS: 0 });
  expect(parseCacheControl('no-store no-cache')).toMatchObject({ noStore: true, noCache: true });
  expect(parseCacheControl('public; x')).toMatchObject({ public: false });
  expect(parseCacheControl('public=1')).toMatchObject({ public: false });
});

test('a directive with a longer name is another directive', () => {
  expect(parseCacheControl('x-no-store, no-stores, private-ish, xmax-age=5')).toMatchObject({
    noStore: false,
    private: false,
    maxAgeS: undefined,
  });
});
