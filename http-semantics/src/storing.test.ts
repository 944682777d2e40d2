import { expect, test } from 'vitest';
import type { Header, HeaderList } from './headers.ts';
import { formatHttpDate } from './http-date.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { CachePolicy } from './policy.ts';
import { mayStore, storedFields } from './storing.ts';

const now = Date.UTC(2026, 0, 1);
const fresh: Header = ['Cache-Control', 'max-age=60'];
const cc = (value: string): HeaderList => [['Cache-Control', value]];

function verdict(
  status: number,
  headers: HeaderList,
  given: Partial<CachePolicy> & { method?: string; request?: HeaderList } = {},
): string {
  const { method = 'GET', request = [], ...policy } = given;
  const policed = { ...DEFAULT_POLICY, ...policy };
  const result = mayStore({ method, headers: request }, { status, headers }, { policy: policed, now });
  return result.storable ? 'storable' : result.reason;
}

/** status-…-fresh in https://github.com/http-tests/cache-tests */
test('every final status is storable that names a lifetime, and some without', () => {
  const heuristic: HeaderList = [['Last-Modified', formatHttpDate(now - 1e8)]];
  for (const status of [
    200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599,
  ])
    expect(verdict(status, [fresh])).toBe('storable');
  for (const status of [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
    expect(verdict(status, heuristic)).toBe('storable');
  for (const status of [201, 202, 302, 403, 502, 503, 599])
    expect(verdict(status, heuristic)).toBe('status-without-freshness');
  expect(verdict(599, [...heuristic, ['Cache-Control', 'public']])).toBe('storable');
  for (const status of [100, 199, 600, 999]) expect(verdict(status, [fresh])).toBe('status');
});

test('parts, answers to conditions and what was never asked for are not stored', () => {
  for (const status of [206, 304, 416]) expect(verdict(status, [fresh])).toBe('partial');
  expect(verdict(412, [fresh])).toBe('request');
  // Without meaning on a 200, and headers-store-Content-Range in https://github.com/http-tests/cache-tests
  expect(verdict(200, [fresh, ['Content-Range', 'x']])).toBe('storable');
});

/** status-…-must-understand in https://github.com/http-tests/cache-tests */
test('must-understand overrules no-store for a status that we understand, and forbids the others', () => {
  expect(verdict(200, cc('max-age=60, no-store, must-understand'))).toBe('storable');
  expect(verdict(200, cc('max-age=60, no-store; must-understand'))).toBe('no-store');
  expect(verdict(599, cc('max-age=60, no-store, must-understand'))).toBe('not-understood');
  expect(verdict(599, cc('max-age=60, must-understand'))).toBe('not-understood');
});

test('whose a response is comes before what it is good for', () => {
  expect(verdict(302, [['Set-Cookie', 'a=b']])).toBe('set-cookie');
  expect(verdict(503, [...cc('no-store'), ['Set-Cookie', 'a=b']])).toBe('set-cookie');
  expect(verdict(503, [...cc('no-store'), ['Vary', 'Cookie']])).toBe('vary');
  expect(verdict(599, cc('private, must-understand'))).toBe('private');
  expect(verdict(600, cc('private'))).toBe('private');
});

/** https://www.rfc-editor.org/rfc/rfc6585 */
test('what a server says of too many requests, or of a head that is too large, is not stored', () => {
  for (const status of [428, 429, 511]) expect(verdict(status, [fresh])).toBe('status');
  expect(verdict(431, [fresh])).toBe('request');
});

test('what is meant for one caller is not shared, nor what says no-store', () => {
  expect(verdict(200, cc('max-age=60, private'))).toBe('private');
  expect(verdict(200, cc('max-age=60, private="x-user"'))).toBe('storable');
  expect(verdict(200, cc('max-age=60, No-StOrE'))).toBe('no-store');
  expect(verdict(200, [fresh, ['CDN-Cache-Control', 'no-store']])).toBe('no-store');
  expect(verdict(200, [...cc('no-store'), ['CDN-Cache-Control', 'max-age=60']])).toBe('storable');
  const forced = { forcedTtlS: 60, minTtlS: 60, defaultTtlS: 60 };
  expect(verdict(200, cc('private'), forced)).toBe('private');
  expect(verdict(200, cc('no-store'), forced)).toBe('no-store');
});

test('cookies and credentials are shared only where the policy follows the RFC', () => {
  const cookie: HeaderList = [fresh, ['Set-Cookie', 'a=b']];
  expect(verdict(200, cookie)).toBe('set-cookie');
  expect(verdict(200, cookie, { setCookie: 'rfc' })).toBe('storable');
  for (const name of ['Authorization', 'Cookie', 'X-Api-Key']) {
    const request: HeaderList = [[name, 'secret']];
    for (const directive of ['public', 's-maxage=9', 'must-revalidate']) {
      expect(verdict(200, cc(`max-age=60, ${directive}`), { request })).toBe('credentials');
      expect(verdict(200, cc(`max-age=60, ${directive}`), { request, credentials: 'rfc' })).toBe('storable');
    }
    expect(verdict(200, [fresh], { request, credentials: 'rfc' })).toBe('credentials');
    expect(verdict(200, cc('max-age=60, public; x'), { request, credentials: 'rfc' })).toBe('credentials');
    expect(verdict(200, [fresh, ['Vary', `Accept, ${name}`]])).toBe('vary');
    expect(verdict(200, [fresh, ['Vary', name]], { credentials: 'rfc' })).toBe('storable');
  }
  expect(verdict(200, [fresh, ['Vary', 'User-Agent']])).toBe('storable');
  expect(verdict(200, [fresh, ['Vary', 'a b']])).toBe('vary-any');
});

test('the request must be a plain GET, whatever range or condition it has', () => {
  for (const method of ['HEAD', 'POST', 'get']) expect(verdict(200, [fresh], { method })).toBe('method');
  const request = (name: string, value: string): string =>
    verdict(200, [fresh], { request: [[name, value]] });
  expect(request('Cache-Control', 'no-store')).toBe('request');
  expect(request('Content-Length', '5')).toBe('request');
  expect(request('Range', 'bytes=0-1')).toBe('storable');
  expect(request('If-Match', '"a"')).toBe('storable');
  expect(
    verdict(200, [fresh], {
      request: [
        ['Range', 'x'],
        ['Cache-Control', 'no-store'],
      ],
    }),
  ).toBe('request');
});

test('what can be used in no way is not stored', () => {
  for (const value of [
    'max-age=0',
    'max-age=60, no-cache',
    'max-age=sixty',
    'public',
    'max-age=0, stale-if-error=0',
  ])
    expect(verdict(200, cc(value)), value).toBe('nothing-to-reuse');
  for (const value of ['max-age=0, stale-while-revalidate=5', 'max-age=0, stale-if-error=5'])
    expect(verdict(200, cc(value)), value).toBe('storable');
  expect(verdict(404, cc('max-age=0, stale-if-error=5'))).toBe('nothing-to-reuse');
  expect(verdict(200, [...cc('no-cache'), ['ETag', 'W/"a"']])).toBe('storable');
  expect(verdict(404, [...cc('no-cache'), ['ETag', '"a"']])).toBe('nothing-to-reuse');
  expect(verdict(200, [], { defaultTtlS: 5 })).toBe('storable');
  expect(verdict(503, [])).toBe('status-without-freshness');
  expect(verdict(503, [], { negativeTtlS: { '503': 5 } })).toBe('storable');
});

/** headers-… in https://github.com/http-tests/cache-tests */
test('fields of the connection and those named by a directive or by Connection are not kept', () => {
  const kept: HeaderList = [
    ['Cache-Control', 'max-age=60, no-cache="a, B", private="Set-Cookie"'],
    ['Surrogate-Key', 'one two'],
    ['Cache-Tag', 'three'],
    ['Content-Range', 'x'],
    ['c', '3'],
  ];
  const dropped: HeaderList = [
    ['A', '1'],
    ['b', '2'],
    ['Set-Cookie', 'a=b'],
    ['Connection', 'd'],
    ['D', '4'],
    ['Proxy-Authenticate', 'x'],
    ['Proxy-Authorization', 'x'],
    ['Proxy-Authentication-Info', 'x'],
    ['TE', 'x'],
    ['Upgrade', 'x'],
    ['Keep-Alive', 'x'],
    ['Transfer-Encoding', 'chunked'],
  ];
  expect(storedFields([...dropped, ...kept])).toEqual(kept);
});
