import { expect, test } from 'vitest';
import { decodeDatasetManifest, encodeDatasetManifest } from './dataset/version/dataset-manifest.ts';
import { FRAMES_TTL_MS } from './datasets/dataset-archive.ts';
import { CacheServerError } from './errors.ts';
import { GRACE_MS, LONG_MS, openHouse, TTL_MS } from './left-behind.fixture.ts';
import type { EntryStore } from './store/entry-store.ts';

function digestOf(byte: number): Buffer {
  return Buffer.alloc(16, byte);
}

/** A version of one partition in the store. */
async function putVersion(store: EntryStore, name: string, digest: Buffer): Promise<void> {
  await store.writeFrames('geo', [{ digest, frame: Buffer.from('x') }], FRAMES_TTL_MS);
  await publish(store, name, digest);
}

/** Whoever has a version in the store publishes it. */
async function publish(store: EntryStore, name: string, digest: Buffer): Promise<void> {
  const key = `geo:dataset:${name}`;
  const [dataset = '', version = ''] = name.split('@');
  const counts = { records: 1, duplicates: 0, missing: 0, dropped: 0 };
  const partition = {
    name: 'p',
    key: [],
    records: 1,
    contentBytes: 1,
    storedBytes: 1,
    digest,
    statistics: [],
  };
  const bytes = encodeDatasetManifest(key, {
    ...counts,
    dataset,
    scope: 'geo',
    version,
    sourceVersion: '',
    declaration: '',
    publishedAtMs: 0,
    keyNames: [],
    fields: [],
    quantileEdges: undefined,
    partitions: [partition],
  });
  expect(decodeDatasetManifest(key, bytes)).toBeDefined();
  await store.writeManifest(key, { bytes, version, ttlMs: LONG_MS });
}

async function hasFrame(store: EntryStore, digest: Buffer): Promise<boolean> {
  return (await store.readFrames('geo', [digest]))[0] !== undefined;
}

test('a run that fails for a hiccup of the store leaves everything to the next one', async () => {
  let isAway = false;
  const { store, clock, clean } = openHouse({
    listKeys: async () => {
      if (isAway) throw new CacheServerError('store', 'a hiccup');
      return { keys: [], cursor: '' };
    },
  });
  await putVersion(store, 'cities@1', digestOf(1));
  await clean();
  clock.ms += TTL_MS;
  isAway = true;
  await expect(clean()).rejects.toThrow('a hiccup');
  isAway = false;
  expect(await clean()).toEqual(['geo/cities 1']);
  clock.ms += GRACE_MS;
  expect(await hasFrame(store, digestOf(1))).toBe(false);
});

test('a partition that a living dataset has got since the last run stays, and one that it never had goes', async () => {
  const { store, clock, clean } = openHouse();
  await putVersion(store, 'cities@1', digestOf(1));
  await clean();
  clock.ms += TTL_MS;
  expect(await clean()).toEqual(['geo/cities 1']);
  // Declared once more, and left again.
  await putVersion(store, 'cities@2', digestOf(2));
  await putVersion(store, 'cities@3', digestOf(3));
  await putVersion(store, 'towns@1', digestOf(2));
  await clean();
  clock.ms += TTL_MS;
  expect(await clean()).toEqual(['geo/cities 2']);
  clock.ms += GRACE_MS;
  expect(await hasFrame(store, digestOf(2))).toBe(true);
  expect(await hasFrame(store, digestOf(3))).toBe(false);
});

test('what is published after one version was removed is seen before the next one is', async () => {
  const removed: string[] = [];
  const { store, clock, clean } = openHouse({
    deleteManifest: async (key) => {
      removed.push(key);
      if (removed.length === 1) await putVersion(store, 'towns@1', digestOf(2));
      return true;
    },
  });
  await putVersion(store, 'cities@1', digestOf(1));
  await putVersion(store, 'cities@2', digestOf(2));
  await clean();
  clock.ms += TTL_MS;
  expect(await clean()).toEqual(['geo/cities 2']);
  expect(removed).toHaveLength(2);
  clock.ms += GRACE_MS;
  expect(await hasFrame(store, digestOf(2))).toBe(true);
});

test.each(['before the janitor lets it go', 'after it did'])(
  'a partition that a publication proved to be there stays, be it %s',
  async (when) => {
    const prove = async (): Promise<void> => {
      expect(await store.extendFrames('geo', [digestOf(1)], FRAMES_TTL_MS)).toEqual([true]);
    };
    const { store, clock, clean } = openHouse({
      // The janitor has seen that no other version has it.
      deleteManifest: async () => {
        if (when.startsWith('before')) await prove();
        return true;
      },
    });
    await putVersion(store, 'cities@1', digestOf(1));
    await clean();
    clock.ms += TTL_MS;
    expect(await clean()).toEqual(['geo/cities 1']);
    clock.ms += GRACE_MS - 1;
    if (when.startsWith('after')) await prove();
    await publish(store, 'towns@1', digestOf(1));
    clock.ms += TTL_MS;
    expect(await hasFrame(store, digestOf(1))).toBe(true);
  },
);
