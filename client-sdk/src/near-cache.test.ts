import { expect, test } from 'vitest';
import { createNearCache } from './near-cache.ts';
import type { NearEntry } from './near-cache.ts';

const KIB = 1024;

function entry(bytes: number, expiresAtMs = 100, storedAtMs = 0): NearEntry {
  return { status: 200, headers: [['Age', '0']], body: new Uint8Array(bytes), storedAtMs, expiresAtMs };
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
