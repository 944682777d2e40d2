import { expect, test } from 'vitest';
import type { Header } from './headers.ts';
import { responseDirectives } from './response-directives.ts';

const of = (...headers: Header[]): ReturnType<typeof responseDirectives> => responseDirectives(headers);
const cc = (value: string): ReturnType<typeof responseDirectives> => of(['Cache-Control', value]);
const cdn = (value: string, ...others: Header[]): ReturnType<typeof responseDirectives> =>
  of(['CDN-Cache-Control', value], ...others);

test('durations of every kind are read, the strictest of duplicates counts', () => {
  expect(
    cc('max-age=1, s-maxage=2, stale-while-revalidate=30, stale-if-error=4, stale-while-revalidate=3'),
  ).toMatchObject({ maxAgeS: 1, sMaxAgeS: 2, staleWhileRevalidateS: 3, staleIfErrorS: 4 });
  expect(cc('stale-if-error=soon').staleIfErrorS).toBe(0);
  expect(cc('').field).toBe('cache-control');
  expect(of().field).toBe('none');
});

/** The ids are those of cc-parse and cc-freshness in https://github.com/http-tests/cache-tests */
test('lifetimes that the public suite sends are read as it expects', () => {
  const expected: [id: string, value: string, maxAgeS: number][] = [
    ['freshness-max-age-quoted', 'max-age="3600"', 3600],
    ['freshness-max-age-single-quoted', "max-age='3600'", 0],
    ['freshness-max-age-ignore-quoted', 'extension="max-age=3600", max-age=1', 1],
    ['freshness-max-age-ignore-quoted-rev', 'max-age=1, extension="max-age=3600"', 1],
    ['freshness-max-age-ignore-quoted-all', 'extension="max-age=3600", max-age="1"', 1],
    ['freshness-max-age-ignore-quoted-all-rev', 'max-age="1", extension="max-age=3600"', 1],
    ['freshness-max-age-leading-zero', 'max-age=003600', 3600],
    ['freshness-max-age-space-before-equals', 'max-age =3600', 0],
    ['freshness-max-age-space-after-equals', 'max-age= 3600', 0],
    ['freshness-max-age-negative', 'max-age=-3600', 0],
    ['freshness-max-age-decimal-five', 'max-age=3600.5', 0],
    ['freshness-max-age-max-plus', 'max-age=99999999999', 2 ** 31],
    ['freshness-max-age-extension', 'foobar, max-age=3600', 3600],
    ['freshness-max-age-case-insenstive', 'MaX-aGe=3600', 3600],
    ['freshness-max-age-two-fresh-stale-sameline', 'max-age=1800, max-age=1', 1],
  ];
  for (const [id, value, maxAgeS] of expected) expect(cc(value).maxAgeS, id).toBe(maxAgeS);
});

test('the qualified forms name fields, as strings, tokens and over several lines', () => {
  expect(cc('no-cache="A, b", private=X-User, max-age=5')).toMatchObject({
    noCache: false,
    noCacheFields: ['a', 'b'],
    private: false,
    privateFields: ['x-user'],
    maxAgeS: 5,
  });
  expect(of(['Cache-Control', 'private="a"'], ['Cache-Control', 'private="b"']).privateFields).toEqual([
    'a',
    'b',
  ]);
});

test('a qualified form that names nothing, garbage or what governs the response means all of it', () => {
  for (const value of ['private=""', 'private="a b"', 'private="a,"', 'private="a', 'private, private="a"'])
    expect(cc(value), value).toMatchObject({ private: true, privateFields: [] });
  for (const field of ['cache-control', 'VARY', 'date', 'content-encoding', 'cdn-cache-control'])
    expect(cc(`no-cache="a, ${field}"`), field).toMatchObject({ noCache: true, noCacheFields: [] });
});

test('garbage restricts and permits nothing', () => {
  expect(cc('no-store; public')).toMatchObject({ garbled: true, noStore: true, public: false });
  expect(cc('public=yes, immutable=no')).toMatchObject({ garbled: false, public: false, immutable: false });
  expect(cc('must-understand must-revalidate')).toMatchObject({
    mustUnderstand: true,
    mustRevalidate: true,
  });
});

test('Pragma counts only where no other field speaks', () => {
  expect(of(['Pragma', 'No-Cache']).noCache).toBe(true);
  expect(of(['Pragma', 'no-cache'], ['Cache-Control', 'max-age=5']).noCache).toBe(false);
  expect(cdn('max-age=5', ['Pragma', 'no-cache']).noCache).toBe(false);
});

test('a targeted field stands instead of Cache-Control, ours before that of all CDNs', () => {
  const all: Header[] = [
    ['Cache-Control', 'no-store'],
    ['CDN-Cache-Control', 'max-age=10, public'],
    ['Pannier-Cache-Control', 'max-age=20;ignored=1, no-cache=("a" b)'],
  ];
  expect(of(...all)).toMatchObject({
    field: 'pannier-cache-control',
    noStore: false,
    maxAgeS: 20,
    noCacheFields: ['a', 'b'],
  });
  expect(of(...all.slice(0, 2))).toMatchObject({
    field: 'cdn-cache-control',
    noStore: false,
    maxAgeS: 10,
    public: true,
  });
});

/** The ids are those of cdn-cache-control in https://github.com/http-tests/cache-tests */
test('a targeted field that is empty or no dictionary is ignored', () => {
  const invalid: [id: string, value: string][] = [
    ['cdn-max-age-space-before-equals', 'max-age =100'],
    ['cdn-max-age-space-after-equals', 'max-age= 100'],
    ['cdn-max-age-case-insensitive', 'MaX-aGe=3600'],
    ['cdn-cc-invalid-sh-type-unknown', 'max-age=10000, &&&&&'],
    ['empty', ''],
    ['trailing comma', 'max-age=5,'],
    ['integer of too many digits', `max-age=${'9'.repeat(16)}`],
  ];
  for (const [id, value] of invalid)
    expect(cdn(value, ['Cache-Control', 'max-age=1']), id).toMatchObject({
      field: 'cache-control',
      maxAgeS: 1,
    });
});

test('a duration of another type in a targeted field is no time, and any form of a restriction restricts', () => {
  // cdn-cc-invalid-sh-type-wrong in https://github.com/http-tests/cache-tests
  for (const value of ['max-age="10000"', 'max-age=1.5', 'max-age=-1', 'max-age', 'max-age=a', 'max-age=(1)'])
    expect(cdn(value).maxAgeS, value).toBe(0);
  expect(cdn('max-age=99999999999').maxAgeS).toBe(2 ** 31);
  expect(cdn('no-store=?0, private=5, public="yes"')).toMatchObject({
    noStore: true,
    private: true,
    public: false,
  });
});
