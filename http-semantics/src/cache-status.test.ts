import { parseList, Token } from 'structured-headers';
import { expect, test } from 'vitest';
import { appendCacheStatus, cacheStatusMember, storingOf } from './cache-status.ts';
import { cacheStatusOf, OUTCOMES } from './outcome.ts';
import { appendVia, hasLooped } from './via.ts';

test('a member says what the cache did, in the order of RFC 9211', () => {
  expect(cacheStatusMember('pannier-server', { hit: true, ttlS: 12.9 })).toBe('pannier-server; hit; ttl=12');
  expect(
    cacheStatusMember('pannier-proxy', { fwd: 'stale', fwdStatus: 304, stored: false, collapsed: true }),
  ).toBe('pannier-proxy; fwd=stale; fwd-status=304; stored=?0; collapsed');
});

test('hit and fwd never stand together', () => {
  expect(cacheStatusMember('p', { hit: true, fwd: 'miss' })).toBe('p; hit');
});

test('keys and details of any characters stay a structured field', () => {
  const member = cacheStatusMember('a cache', { key: 'a;"b\\\u00e9\n', detail: 'too large', ttlS: -1e30 });
  expect(parseList(member)).toEqual([
    [
      'a cache',
      new Map<string, unknown>([
        ['ttl', -999_999_999_999_999],
        ['key', 'a;"b\\??'],
        ['detail', 'too large'],
      ]),
    ],
  ]);
  expect(cacheStatusMember('p', { detail: 'too-large', ttlS: NaN })).toBe('p; detail=too-large');
});

test('our member stands behind what came from nearer the origin', () => {
  expect(appendCacheStatus('origin; hit', 'p; hit')).toBe('origin; hit, p; hit');
  for (const nothing of [undefined, '', '  ']) expect(appendCacheStatus(nothing, 'p; hit')).toBe('p; hit');
  for (const garbage of ['a; Hit', '"open', ',', 'é'])
    expect(appendCacheStatus(garbage, 'p; hit')).toBe('p; hit');
});

test('what a cache says of storing is read from its own member', () => {
  const value =
    'cdn; stored=?0; detail=private, s; stored; detail="no \\"x", s; fwd=uri-miss; stored=?0; detail=no-store';
  expect(storingOf(value, 's')).toEqual({ stored: false, detail: 'no-store' });
  expect(storingOf(value.slice(0, value.lastIndexOf(',')), 's')).toEqual({ stored: true, detail: 'no "x' });
  expect(storingOf('s; hit; detail=3', 's')).toEqual({});
  for (const nothing of [null, '', 'cdn; hit', 's; Hit']) expect(storingOf(nothing, 's')).toBeUndefined();
});

test('every outcome makes a valid Cache-Status', () => {
  for (const outcome of OUTCOMES) {
    const [member] = parseList(cacheStatusMember('p', cacheStatusOf(outcome)));
    expect(member?.[0]).toEqual(new Token('p'));
  }
  expect(cacheStatusOf('hit')).toEqual({ hit: true });
  expect(cacheStatusOf('collapsed')).toEqual({ fwd: 'uri-miss', collapsed: true });
});

test('our Via stands behind the others and shows a loop when it comes back', () => {
  const once = appendVia(
    [['Via', '1.0 fred, 1.1 proxy.example:80 (a, 1.1 pannier-proxy-x)']],
    'pannier-proxy-x',
  );
  expect(once.at(-1)).toEqual(['via', '1.1 pannier-proxy-x']);
  expect(hasLooped(once, 'pannier-proxy-x')).toBe(true);
  expect(hasLooped(once.slice(0, 1), 'pannier-proxy-x')).toBe(false);
  expect(hasLooped([['via', 'HTTP/1.1 \tPannier-Proxy-X (c(d)\\)e)']], 'pannier-proxy-x')).toBe(true);
  expect(
    hasLooped([['via', '1.1 pannier-proxy-xy, 1.1 a-pannier-proxy-x, pannier-proxy-x']], 'pannier-proxy-x'),
  ).toBe(false);
  expect(hasLooped([['via', '1.1 a (unclosed, 1.1 pannier-proxy-x']], 'pannier-proxy-x')).toBe(true);
});
