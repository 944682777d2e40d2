import { expect } from 'vitest';
import type { ContractTests } from './store-harness.ts';
import { SHORT_MS, key, manifest } from './store-harness.ts';

/** A row: the stored version, the one that the writer expects, and whether it may write. */
const COMPARISONS: [stored: string | undefined, ifVersion: string | undefined, writes: boolean][] = [
  [undefined, undefined, true],
  [undefined, '', false],
  [undefined, 'v1', false],
  ['v1', undefined, true],
  ['v1', 'v1', true],
  ['v1', 'v2', false],
  ['v1', 'v', false],
  ['v1', 'v11', false],
  ['v1', '', false],
  ['', '', true],
  ['', undefined, true],
  ['', 'v1', false],
  ['"weird\r\n"', '"weird\r\n"', true],
  ['č', 'č', true],
];

/** How a manifest's replacement compares versions in every store. */
export const versionContract: ContractTests = {
  'a write compares the stored version with the expected one': async ({ store }) => {
    for (const [index, [stored, ifVersion, writes]] of COMPARISONS.entries()) {
      const name = key(String(index));
      if (stored !== undefined) await store.writeManifest(name, manifest('old', stored));
      const write = manifest('new', 'next', ifVersion === undefined ? {} : { ifVersion });
      const row = `stored ${String(stored)}, expected ${String(ifVersion)}`;
      expect(await store.writeManifest(name, write), row).toBe(writes);
      const left = stored === undefined ? undefined : 'old';
      expect((await store.readManifest(name))?.toString(), row).toBe(writes ? 'new' : left);
    }
  },

  'a refused write leaves version and time to live as they were': async ({ store, elapse }) => {
    await store.writeManifest(key('long'), manifest('old', 'v1'));
    await store.writeManifest(key('long'), manifest('new', 'v2', { ifVersion: 'v0', ttlMs: SHORT_MS }));
    await store.writeManifest(key('short'), manifest('old', 'v1', { ttlMs: SHORT_MS }));
    await store.writeManifest(key('short'), manifest('new', 'v2', { ifVersion: 'v0' }));
    await elapse(SHORT_MS);
    expect(await store.readManifest(key('short'))).toBeUndefined();
    expect(await store.writeManifest(key('long'), manifest('new', 'v2', { ifVersion: 'v1' }))).toBe(true);
  },

  'an expired or deleted manifest has no version': async ({ store, elapse }) => {
    await store.writeManifest(key('expired'), manifest('old', 'v1', { ttlMs: SHORT_MS }));
    await store.writeManifest(key('deleted'), manifest('old', 'v1'));
    await store.deleteManifest(key('deleted'));
    await elapse(SHORT_MS);
    for (const name of ['expired', 'deleted']) {
      expect(await store.writeManifest(key(name), manifest('new', 'v2', { ifVersion: 'v1' }))).toBe(false);
      expect(await store.readManifest(key(name))).toBeUndefined();
    }
  },

  'a manifest is removed by its version, and not once it has another': async ({ store }) => {
    await store.writeManifest(key('a'), manifest('old', 'v1'));
    await store.writeManifest(key('a'), manifest('new', 'v2', { ifVersion: 'v1' }));
    expect(await store.deleteManifest(key('a'), 'v1')).toBe(false);
    expect(String(await store.readManifest(key('a')))).toBe('new');
    expect(await store.deleteManifest(key('a'), 'v2')).toBe(true);
    expect(await store.readManifest(key('a'))).toBeUndefined();
    expect(await store.deleteManifest(key('a'), 'v2')).toBe(false);
  },

  'of many who validated the same version exactly one writes': async ({ store }) => {
    await store.writeManifest(key('a'), manifest('old', 'v0'));
    const writers = Array.from({ length: 50 }, async (_none, index) => {
      const write = manifest(`by ${index}`, `v${index + 1}`, { ifVersion: 'v0' });
      return await store.writeManifest(key('a'), write);
    });
    const written = await Promise.all(writers);
    expect(written.filter(Boolean)).toHaveLength(1);
    expect(String(await store.readManifest(key('a')))).toBe(`by ${written.indexOf(true)}`);
  },

  'a write with an older fence than the last one is refused, also by comparison': async ({ store }) => {
    await store.writeManifest(key('a'), manifest('first', 'v1', { fence: '0002-b' }));
    const late = [{ fence: '0001-z' }, { fence: '0002-a' }, { fence: '0001-z', ifVersion: 'v1' }];
    for (const options of late)
      expect(await store.writeManifest(key('a'), manifest('late', 'v0', options))).toBe(false);
    expect(String(await store.readManifest(key('a')))).toBe('first');
    expect(await store.writeManifest(key('a'), manifest('again', 'v1', { fence: '0002-b' }))).toBe(true);
    expect(await store.writeManifest(key('a'), manifest('second', 'v2', { fence: '0003-a' }))).toBe(true);
    expect(await store.writeManifest(key('a'), manifest('late', 'v3', { fence: '0002-b' }))).toBe(false);
    expect(String(await store.readManifest(key('a')))).toBe('second');
  },

  'a write without a fence leaves the last one there': async ({ store }) => {
    await store.writeManifest(key('a'), manifest('fenced', 'v1', { fence: '0002' }));
    expect(await store.writeManifest(key('a'), manifest('free', 'v2', { ifVersion: 'v1' }))).toBe(true);
    expect(await store.writeManifest(key('a'), manifest('late', 'v3', { fence: '0001' }))).toBe(false);
    expect(String(await store.readManifest(key('a')))).toBe('free');
    await store.deleteManifest(key('a'));
    expect(await store.writeManifest(key('a'), manifest('anew', 'v4', { fence: '0001' }))).toBe(true);
  },

  'counting by comparison loses no count': async ({ store }) => {
    await store.writeManifest(key('count'), manifest('0', '0'));
    const count = async (): Promise<void> => {
      for (;;) {
        const seen = String(await store.readManifest(key('count')));
        const next = String(Number(seen) + 1);
        if (await store.writeManifest(key('count'), manifest(next, next, { ifVersion: seen }))) return;
      }
    };
    await Promise.all(Array.from({ length: 30 }, count));
    expect(String(await store.readManifest(key('count')))).toBe('30');
  },

  'readers during replacements see one manifest or another, never a mixture': async ({ store }) => {
    const text = (letter: string): string => letter.repeat(64 * 1024);
    await store.writeManifest(key('a'), manifest(text('a'), 'a'));
    const writes = Array.from({ length: 40 }, async (_none, index) => {
      const letter = String.fromCharCode(97 + (index % 26));
      return await store.writeManifest(key('a'), manifest(text(letter), letter));
    });
    const reads = Array.from({ length: 40 }, async () => String(await store.readManifest(key('a'))));
    await Promise.all(writes);
    for (const seen of await Promise.all(reads)) expect(seen === text(seen.charAt(0))).toBe(true);
  },
};
