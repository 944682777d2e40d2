import { expect, test } from 'vitest';
import { createNearCache } from './near-cache.ts';
import type { NearEntry } from './near-cache.ts';
import type { WatchListener } from './transport/watch-news.ts';

const KIB = 1024;

function entry(bytes: number, expiresAtMs = 100, storedAtMs = 0): NearEntry {
  const body = new Uint8Array(bytes);
  return { status: 200, headers: [['Age', '0']], body, storedAtMs, expiresAtMs, source: { key: '' } };
}

test('an entry is there until it expires', () => {
  let now = 0;
  const cache = createNearCache({ bytesMax: 64 * KIB, entryBytesMax: 8 * KIB, now: () => now });
  expect(cache.set('a', entry(10))).toBe(true);
  now = 99;
  expect(cache.get('a')).toMatchObject({ status: 200, expiresAtMs: 100 });
  now = 100;
  expect(cache.get('a')).toBeUndefined();
  expect(cache.getStale('a', 50)).toMatchObject({ expiresAtMs: 100 });
  now = 150;
  expect(cache.getStale('a', 50)).toBeUndefined();
  expect(cache.entries).toBe(0);
  expect(cache.set('a', entry(10))).toBe(false);
});

test('its bytes stay within the limit, and those used longest ago go first', () => {
  const cache = createNearCache({ bytesMax: 10 * KIB, entryBytesMax: 4 * KIB, now: () => 0 });
  for (const key of ['a', 'b', 'c']) cache.set(key, entry(2 * KIB));
  cache.get('a');
  for (const key of ['d', 'e']) cache.set(key, entry(2 * KIB));
  expect(cache.bytes).toBeLessThanOrEqual(10 * KIB);
  expect(cache.get('b')).toBeUndefined();
  expect(cache.get('a')).toBeDefined();
  expect(cache.get('e')).toBeDefined();
});

test('an entry that is too large is not kept, and takes nothing away', () => {
  const cache = createNearCache({ bytesMax: 10 * KIB, entryBytesMax: 4 * KIB, now: () => 0 });
  cache.set('a', entry(1));
  expect(cache.set('b', entry(4 * KIB))).toBe(false);
  expect(cache.get('a')).toBeDefined();
});

test('a newer entry that does not fit does not leave the older one in its place', () => {
  const cache = createNearCache({ bytesMax: 10 * KIB, entryBytesMax: 4 * KIB, now: () => 0 });
  cache.set('a', entry(1));
  expect(cache.set('a', entry(4 * KIB))).toBe(false);
  expect(cache.get('a')).toBeUndefined();
});

test('with a limit of 0 it keeps nothing', () => {
  const cache = createNearCache({ bytesMax: 0, entryBytesMax: KIB, now: () => 0 });
  expect(cache.set('a', entry(0))).toBe(false);
  expect(cache.get('a')).toBeUndefined();
});

test('it holds a copy of the body, which may be a view of a larger buffer', () => {
  const cache = createNearCache({ bytesMax: 64 * KIB, entryBytesMax: 8 * KIB, now: () => 0 });
  const buffer = new Uint8Array(64 * KIB).fill(1);
  cache.set('a', { ...entry(0), body: buffer.subarray(0, 4) });
  buffer.fill(2);
  const kept = cache.get('a')!.body;
  expect([...kept]).toEqual([1, 1, 1, 1]);
  expect(kept.buffer.byteLength).toBe(4);
});

test('fields that a response says are for one caller are not kept', () => {
  const cache = createNearCache({ bytesMax: 64 * KIB, entryBytesMax: 8 * KIB, now: () => 0 });
  const control = ['Cache-Control', 'private="x-user"'] as const;
  cache.set('a', { ...entry(1), headers: [control, ['X-User', 'alice']] });
  expect(cache.get('a')!.headers).toEqual([control]);
});

test('what is kept of a URL goes with it, whatever headers tell it apart and however its host is written', () => {
  const cache = createNearCache({ bytesMax: 64 * KIB, entryBytesMax: 8 * KIB, now: () => 0 });
  const of = ['http://A.example/x', 'http://a.example:80/x\naccept: a', 'http://a.example/x\naccept: b'];
  const others = ['http://a.example/X', 'http://a.example/x/', 'http://a.example/x?', 'https://a.example/x'];
  for (const key of [...of, ...others, 'no URL\nx']) cache.set(key, entry(1));
  for (const key of of) cache.set(key, entry(2));
  cache.deleteUrl('http://a.EXAMPLE/x');
  for (const key of of) expect(cache.get(key), key).toBeUndefined();
  for (const key of others) expect(cache.get(key), key).toBeDefined();
  cache.deleteUrl('no URL');
  expect(cache.entries).toBe(others.length);
  cache.set(of[1]!, entry(1));
  cache.deleteUrl(of[0]!);
  expect(cache.get(of[1]!)).toBeUndefined();
});

test('what was asked for before its URL was removed is not current any more', () => {
  const cache = createNearCache({ bytesMax: 64 * KIB, entryBytesMax: 8 * KIB, now: () => 0 });
  const before = cache.removals;
  cache.deleteUrl('http://a.example/x');
  expect(cache.isCurrent('http://A.example/x\naccept: a', before)).toBe(false);
  expect(cache.isCurrent('http://a.example/y', before)).toBe(true);
  expect(cache.isCurrent('http://a.example/x', cache.removals)).toBe(true);
  const between = cache.removals;
  cache.clear();
  expect(cache.isCurrent('http://a.example/y', between)).toBe(false);
  expect(cache.isCurrent('http://a.example/y', cache.removals)).toBe(true);
});

test('a removal counts also when it was too long ago to be remembered by its URL', () => {
  const cache = createNearCache({ bytesMax: 0, entryBytesMax: 0, now: () => 0 });
  const before = cache.removals;
  cache.deleteUrl('http://a.example/first');
  const after = cache.removals;
  for (let at = 0; at < 5000; at += 1) cache.deleteUrl(`http://a.example/${at}`);
  expect(cache.isCurrent('http://a.example/first', before)).toBe(false);
  expect(cache.isCurrent('http://a.example/first', cache.removals)).toBe(true);
  // Rather asked for once more than kept by mistake.
  expect(cache.isCurrent('http://a.example/other', after)).toBe(false);
});

test('what was asked for before a removal or an invalidation is not for those who ask after it', () => {
  let listener: WatchListener | undefined;
  const watch = (given: WatchListener): void => void (listener = given);
  const cache = createNearCache({ bytesMax: 0, entryBytesMax: 0, trustMs: Infinity, watch });
  cache.listen();
  const key = 'http://a.example/x';
  listener?.onNews({ kind: 'confirmation', epoch: 'e', sequence: 5, confirmedMsAgo: 0 });
  const before = cache.moment();
  expect(cache.holdsSince(key, before)).toBe(true);
  listener?.onNews({ kind: 'publication', epoch: 'e', sequence: 6 });
  expect(cache.holdsSince(key, before)).toBe(true);
  const target = { kind: 'tag', value: 't' } as const;
  listener?.onNews({ kind: 'invalidation', epoch: 'e', sequence: 7, target, mode: 'hard' });
  expect(cache.holdsSince(key, before)).toBe(false);
  const between = cache.moment();
  cache.deleteUrl('http://a.example/y');
  expect(cache.holdsSince(key, between)).toBe(true);
  cache.deleteUrl(key);
  expect(cache.holdsSince(key, between)).toBe(false);
  expect(cache.holdsSince(key, cache.moment())).toBe(true);
});

test('what was asked for long ago is for nobody else while nobody tells of invalidations', () => {
  const cache = createNearCache({ bytesMax: 0, entryBytesMax: 0, trustMs: 1000 });
  const { atMs, ...known } = cache.moment();
  expect(cache.holdsSince('a', { ...known, atMs })).toBe(true);
  expect(cache.holdsSince('a', { ...known, atMs: atMs - 1001 })).toBe(false);
});
