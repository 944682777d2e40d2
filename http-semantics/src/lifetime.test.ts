import { expect, test } from 'vitest';
import type { Header, HeaderList } from './headers.ts';
import { formatHttpDate } from './http-date.ts';
import { lifetimeOf } from './lifetime.ts';
import type { Lifetime } from './lifetime.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { CachePolicy } from './policy.ts';

const arrived = Date.UTC(2026, 0, 1);
const at = (seconds: number): string => formatHttpDate(arrived + seconds * 1000);
const date: Header = ['Date', at(0)];

function lifetime(headers: HeaderList, policy: Partial<CachePolicy> = {}, status = 200): Lifetime {
  return lifetimeOf({ status, headers, responseTimeMs: arrived }, { ...DEFAULT_POLICY, ...policy });
}

test('s-maxage comes before max-age, max-age before Expires, Expires before the heuristic', () => {
  const heads: Header[] = [
    ['Cache-Control', 's-maxage=4'],
    ['Cache-Control', 'max-age=3'],
    ['Expires', at(2)],
    ['Last-Modified', at(-10)],
    date,
  ];
  const expected = [
    { lifetimeS: 4, source: 's-maxage' },
    { lifetimeS: 3, source: 'max-age' },
    { lifetimeS: 2, source: 'expires' },
    { lifetimeS: 1, source: 'heuristic' },
    { lifetimeS: 0, source: 'none' },
  ];
  for (const [from, one] of expected.entries()) expect(lifetime(heads.slice(from))).toEqual(one);
});

/** The ids are those of expires, cc-freshness and expires-parse in https://github.com/http-tests/cache-tests */
test('Expires is judged as the public suite expects', () => {
  const expected: [id: string, headers: HeaderList, lifetimeS: number][] = [
    ['freshness-expires-past', [['Expires', at(-1)], date], 0],
    ['freshness-expires-present', [['Expires', at(0)], date], 0],
    [
      'freshness-expires-old-date',
      [
        ['Expires', at(300)],
        ['Date', at(400)],
      ],
      0,
    ],
    ['freshness-expires-invalid', [['Expires', '0'], date], 0],
    [
      'freshness-expires-invalid-date',
      [
        ['Date', 'foo'],
        ['Expires', at(10)],
      ],
      10,
    ],
    ['freshness-expires-invalid-multiple-lines', [['Expires', at(5)], ['Expires', at(5)], date], 0],
    ['freshness-expires-far-future', [['Expires', 'Sun, 21 Nov 2286 04:46:39 GMT'], date], 2 ** 31],
    ['freshness-expires-wrong-case-tz', [['Expires', at(9).replace('GMT', 'gMT')], date], 9],
    ['freshness-max-age-0-expires', [['Expires', at(3600)], ['Cache-Control', 'max-age=0'], date], 0],
    ['freshness-max-age-expires-invalid', [['Cache-Control', 'max-age=5'], ['Expires', '0'], date], 5],
  ];
  for (const [id, headers, lifetimeS] of expected) {
    expect(lifetime([...headers, ['Last-Modified', at(-9e6)]]).lifetimeS, id).toBe(lifetimeS);
  }
});

test('a targeted field silences Expires, and the heuristic stays', () => {
  const targeted: Header = ['CDN-Cache-Control', 'public'];
  expect(lifetime([targeted, ['Expires', at(60)], date]).source).toBe('none');
  expect(lifetime([targeted, ['Last-Modified', at(-100)], date])).toEqual({
    lifetimeS: 10,
    source: 'heuristic',
  });
});

/** The ids are those of heuristic in https://github.com/http-tests/cache-tests */
test('the heuristic takes a tenth, an hour at most, and only where status or public allows it', () => {
  const headers: HeaderList = [date, ['Last-Modified', at(-86_400)]];
  for (const status of [200, 203, 204, 404, 405, 410, 414, 501])
    expect(lifetime(headers, {}, status), `heuristic-${status}-cached`).toEqual({
      lifetimeS: 3600,
      source: 'heuristic',
    });
  for (const status of [201, 202, 403, 502, 503, 504, 599])
    expect(lifetime(headers, {}, status).source, `heuristic-${status}-not_cached`).toBe('none');
  const allowed: HeaderList = [...headers, ['Cache-Control', 'public']];
  expect(lifetime(allowed, {}, 599).source, 'heuristic-599-cached').toBe('heuristic');
  expect(lifetime([date, ['Last-Modified', at(-50)]]).lifetimeS).toBe(5);
  expect(lifetime([date, ['Last-Modified', at(50)]]).source).toBe('none');
  expect(lifetime([date, ['Last-Modified', 'yesterday']]).source).toBe('none');
  expect(lifetime(headers, { heuristicShare: 0 }).source).toBe('none');
});

test('the operator may force, raise and supply a lifetime', () => {
  const named: HeaderList = [['Cache-Control', 'max-age=5']];
  expect(lifetime(named, { forcedTtlS: 60 })).toEqual({ lifetimeS: 60, source: 'forced' });
  expect(lifetime(named, { forcedTtlS: 0 })).toEqual({ lifetimeS: 0, source: 'forced' });
  expect(lifetime(named, { minTtlS: 60 })).toEqual({ lifetimeS: 60, source: 'max-age' });
  expect(lifetime(named, { minTtlS: 3 }).lifetimeS).toBe(5);
  expect(lifetime([], { minTtlS: 60 }).source).toBe('none');
  expect(lifetime([], { defaultTtlS: 60 })).toEqual({ lifetimeS: 60, source: 'default' });
  expect(lifetime(named, { defaultTtlS: 60 }).source).toBe('max-age');
});

test('an error lives as long as it says, or as the operator says of its status', () => {
  const policy = { forcedTtlS: 60, minTtlS: 60, defaultTtlS: 60, negativeTtlS: { '404': 7 } };
  expect(lifetime([['Cache-Control', 'max-age=5']], policy, 404)).toEqual({
    lifetimeS: 5,
    source: 'max-age',
  });
  expect(lifetime([], policy, 404)).toEqual({ lifetimeS: 7, source: 'negative' });
  expect(lifetime([], policy, 410).source).toBe('none');
});
