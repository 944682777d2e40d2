import { expect, test } from 'vitest';
import { correctedInitialAgeMs, currentAgeMs } from './age.ts';
import { freshnessOf } from './freshness.ts';
import type { HeaderList } from './headers.ts';
import { formatHttpDate } from './http-date.ts';
import { isReusable, requestDirectives } from './request-directives.ts';
import type { StoredHead } from './stored-head.ts';

const arrived = Date.UTC(2026, 0, 1);

function stored(headers: HeaderList, requestTimeMs = arrived): StoredHead {
  return { status: 200, headers, requestTimeMs, responseTimeMs: arrived };
}
function after(seconds: number): number {
  return arrived + seconds * 1000;
}

test('age is what earlier caches declared, plus the round trip, plus the time in store', () => {
  const head = stored([['Age', '30']], after(-2));
  expect(correctedInitialAgeMs(head)).toBe(32_000);
  expect(currentAgeMs(head, after(10))).toBe(42_000);
});

test('a Date further back than the declared age counts instead', () => {
  const head = stored([
    ['Age', '30'],
    ['Date', formatHttpDate(after(-100))],
  ]);
  expect(currentAgeMs(head, after(1))).toBe(101_000);
});

test('a Date in the future and a clock that ran backwards make nothing younger', () => {
  const head = stored(
    [
      ['Age', '30'],
      ['Date', formatHttpDate(after(100))],
    ],
    after(5),
  );
  expect(currentAgeMs(head, after(-50))).toBe(30_000);
});

test('of an Age list the first counts, and garbage is ignored', () => {
  expect(
    currentAgeMs(
      stored([
        ['Age', '10'],
        ['Age', '99'],
      ]),
      arrived,
    ),
  ).toBe(10_000);
  for (const bad of ['-1', 'abc', '', '1.5', '"5"'])
    expect(currentAgeMs(stored([['Age', bad]]), arrived)).toBe(0);
  expect(currentAgeMs(stored([['Age', '9'.repeat(40)]]), arrived)).toBe(2 ** 31 * 1000);
});

test('s-maxage beats max-age, which beats Expires', () => {
  const expires = ['Expires', formatHttpDate(after(300))] as const;
  const date = ['Date', formatHttpDate(arrived)] as const;
  expect(freshnessOf(stored([date, expires]), arrived).lifetimeS).toBe(300);
  expect(freshnessOf(stored([date, expires, ['Cache-Control', 'max-age=60']]), arrived).lifetimeS).toBe(60);
  expect(freshnessOf(stored([expires, ['Cache-Control', 'max-age=60, s-maxage=5']]), arrived).lifetimeS).toBe(
    5,
  );
});

test('Expires counts from Date, or from arrival where there is none', () => {
  const expires = ['Expires', formatHttpDate(after(300))] as const;
  expect(freshnessOf(stored([expires]), arrived).lifetimeS).toBe(300);
  expect(freshnessOf(stored([expires, ['Date', formatHttpDate(after(-100))]]), arrived)).toEqual({
    ageS: 100,
    lifetimeS: 400,
    fresh: true,
  });
});

test('a bad, past or doubled Expires and no lifetime at all mean stale', () => {
  const date = formatHttpDate(after(300));
  const heads: HeaderList[] = [
    [],
    [['Expires', '0']],
    [['Expires', formatHttpDate(after(-1))]],
    [
      ['Expires', date],
      ['Expires', date],
    ],
    [['Last-Modified', formatHttpDate(after(-9e6))]],
  ];
  for (const headers of heads)
    expect(freshnessOf(stored(headers), arrived)).toEqual({ ageS: 0, lifetimeS: 0, fresh: false });
});

test('a response is fresh until its age reaches its lifetime', () => {
  const head = stored([
    ['Cache-Control', 'max-age=60'],
    ['Age', '10'],
  ]);
  expect(freshnessOf(head, after(49.999))).toEqual({ ageS: 59, lifetimeS: 60, fresh: true });
  expect(freshnessOf(head, after(50))).toEqual({ ageS: 60, lifetimeS: 60, fresh: false });
});

test('no-cache is never fresh, nor is Pragma where no Cache-Control speaks', () => {
  const expires = ['Expires', formatHttpDate(after(300))] as const;
  expect(freshnessOf(stored([['Cache-Control', 'max-age=60, no-cache']]), arrived).fresh).toBe(false);
  expect(freshnessOf(stored([expires, ['Pragma', 'no-cache']]), arrived).fresh).toBe(false);
  expect(
    freshnessOf(
      stored([
        ['Cache-Control', 'max-age=60'],
        ['Pragma', 'no-cache'],
      ]),
      arrived,
    ).fresh,
  ).toBe(true);
});

test('a client may insist on the upstream, on youth, or on time left', () => {
  const freshness = { ageS: 10, lifetimeS: 60, fresh: true };
  const reusable = (value: string, name = 'Cache-Control'): boolean =>
    isReusable(freshness, requestDirectives([[name, value]]));
  for (const value of ['no-cache', 'max-age=0', 'max-age=9', 'max-age=x', 'min-fresh=51'])
    expect(reusable(value), value).toBe(false);
  for (const value of ['max-age=10', 'min-fresh=50', 'max-stale', 'x'])
    expect(reusable(value), value).toBe(true);
  expect(reusable('no-cache', 'Pragma')).toBe(false);
  expect(isReusable({ ...freshness, fresh: false }, requestDirectives([]))).toBe(false);
});

test('only-if-cached is told apart, and Pragma yields to Cache-Control', () => {
  expect(requestDirectives([['Cache-Control', 'only-if-cached']])).toMatchObject({
    onlyIfCached: true,
    forceRevalidate: false,
  });
  expect(
    requestDirectives([
      ['Cache-Control', 'max-age=5'],
      ['Pragma', 'no-cache'],
    ]).forceRevalidate,
  ).toBe(false);
});
