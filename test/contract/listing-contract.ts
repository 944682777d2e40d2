import { expect } from 'vitest';
import type { ContractTests } from './store-harness.ts';
import { LONG_MS, SHORT_MS, frame, key, listAll, manifest } from './store-harness.ts';

const keys = (count: number): string[] =>
  Array.from({ length: count }, (_none, index) => key(`item-${index}`));

/** How keys are listed in every store. */
export const listingContract: ContractTests = {
  'an empty store lists nothing': async ({ store }) => {
    expect(await listAll(store, '')).toEqual([]);
  },

  'a listing finds every manifest and no frame': async ({ store }) => {
    await store.writeFrames('geo:original', [frame('a'), frame('b')], LONG_MS);
    for (const one of keys(25)) await store.writeManifest(one, manifest(one, '1'));
    expect([...new Set(await listAll(store, ''))].toSorted()).toEqual(keys(25).toSorted());
  },

  'a listing is narrowed to keys that contain a text, taken as it is': async ({ store }) => {
    const odd = [
      'geo:original:a*b',
      'geo:original:a[b',
      'geo:original:a\\b',
      'geo:original:a?b',
      'geo:original:axb',
    ];
    for (const one of odd) await store.writeManifest(one, manifest(one, '1'));
    for (const text of ['a*b', 'a[b', 'a\\b', 'a?b', 'axb', ':a*']) {
      expect(await listAll(store, text)).toEqual(odd.filter((one) => one.includes(text)));
    }
    expect((await listAll(store, 'geo:')).toSorted()).toEqual(odd.toSorted());
    expect(await listAll(store, 'manifest')).toEqual([]);
  },

  'no page holds more than its limit': async ({ store }) => {
    await Promise.all(keys(300).map(async (one) => await store.writeManifest(one, manifest(one, '1'))));
    let cursor = '';
    const seen = new Set<string>();
    do {
      const page = await store.listKeys({ contains: '', cursor, limit: 20 });
      expect(page.keys.length).toBeLessThanOrEqual(20);
      for (const one of page.keys) seen.add(one);
      cursor = page.cursor;
    } while (cursor !== '');
    expect(seen.size).toBe(300);
  },

  'what is there during the whole listing is listed, whatever else comes and goes': async ({ store }) => {
    await Promise.all(keys(200).map(async (one) => await store.writeManifest(one, manifest(one, '1'))));
    const seen = new Set<string>();
    let cursor = '';
    for (let round = 0; round === 0 || cursor !== ''; round += 1) {
      const page = await store.listKeys({ contains: 'item-', cursor, limit: 10 });
      for (const one of page.keys) seen.add(one);
      cursor = page.cursor;
      // What comes may be listed as well: a listing ends only when no more comes than a page holds.
      if (round > 30) continue;
      const passing = keys(50).map((one) => `${one}/passing-${round}`);
      await Promise.all(passing.map(async (one) => await store.writeManifest(one, manifest(one, '1'))));
      await Promise.all(passing.slice(0, 40).map(async (one) => await store.deleteManifest(one)));
      await store.writeManifest(keys(200)[round]!, manifest('rewritten', '2'));
    }
    expect(keys(200).filter((one) => !seen.has(one))).toEqual([]);
  },

  'deleted and expired manifests are not listed': async ({ store, elapse }) => {
    await store.writeManifest(key('deleted'), manifest('a', '1'));
    await store.writeManifest(key('expired'), manifest('a', '1', { ttlMs: SHORT_MS }));
    await store.writeManifest(key('there'), manifest('a', '1'));
    await store.deleteManifest(key('deleted'));
    await elapse(SHORT_MS);
    await store.readManifest(key('expired'));
    expect(await listAll(store, '')).toEqual([key('there')]);
  },

  'stats tell bytes': async ({ store }) => {
    await store.writeFrames('geo', [frame('a', Buffer.alloc(1_000_000))], LONG_MS);
    expect((await store.stats()).bytes).toBeGreaterThan(1_000_000);
  },
};
