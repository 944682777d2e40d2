import { expect, test } from 'vitest';
import { decodeDatasetManifest, encodeDatasetManifest } from './dataset/version/dataset-manifest.ts';
import { CacheServerError } from './errors.ts';
import { Janitor } from './janitor/janitor.ts';
import { MemoryUseLedger } from './janitor/use-ledger.ts';
import { createObjectKeeper } from './keep-object.ts';
import type { ObjectKeeper } from './keep-object.ts';
import { datasetEstate, objectEstate } from './left-behind.ts';
import { createMemoryStore } from './store/memory-store.ts';
import type { EntryStore } from './store/entry-store.ts';

const TTL_MS = 1000;
const LONG_MS = 1e10;
const never = new AbortController().signal;

/** A store that does something before it does what it is asked for. */
function watched(store: EntryStore, before: Partial<EntryStore>): EntryStore {
  return new Proxy(store, {
    get(target, name: keyof EntryStore) {
      const method = target[name] as unknown;
      if (typeof method !== 'function') return method;
      return async (...args: unknown[]): Promise<unknown> => {
        await (before[name] as ((...all: unknown[]) => Promise<unknown>) | undefined)?.(...args);
        return await (method.apply(target, args) as Promise<unknown>);
      };
    },
  });
}

/** A store, and a janitor who looks at all of it through `before`. */
function openHouse(before: Partial<EntryStore> = {}): {
  store: EntryStore;
  ledger: MemoryUseLedger;
  clock: { now: () => number; after: () => () => void; ms: number };
  clean: () => Promise<string[]>;
} {
  const clock = { ms: 10_000, now: () => clock.ms, after: () => () => undefined };
  const store = createMemoryStore({ bytesMax: 1 << 26, now: clock.now });
  const ledger = new MemoryUseLedger();
  const seen = watched(store, before);
  const janitor = new Janitor({
    estates: [objectEstate(seen), datasetEstate({ store: seen, declared: new Set(['geo/towns']) })],
    listKeys: async (page) => await store.listKeys(page),
    ledger,
    clock,
    scopeTtlMs: TTL_MS,
    count: () => undefined,
  });
  const clean = async (): Promise<string[]> => {
    const told: string[] = [];
    for await (const { findings = [] } of janitor.run({ isDry: false, signal: never }))
      told.push(...findings.map(({ name, keys }) => `${name} ${keys}`));
    return told;
  };
  return { store, ledger, clock, clean };
}

function digestOf(byte: number): Buffer {
  return Buffer.alloc(16, byte);
}

/** A version of one partition in the store. */
async function putVersion(store: EntryStore, name: string, digest: Buffer): Promise<void> {
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
  await store.writeFrames('geo', [{ digest, frame: Buffer.from('x') }], LONG_MS);
  await store.writeManifest(key, { bytes, version, ttlMs: LONG_MS });
}

async function hasFrame(store: EntryStore, digest: Buffer): Promise<boolean> {
  return (await store.readFrames('geo', [digest]))[0] !== undefined;
}

function keeperOf(store: EntryStore, clock: { now: () => number; after: () => () => void }): ObjectKeeper {
  const at = { epoch: 'e', sequence: 0 };
  return createObjectKeeper({
    store,
    clock,
    random: Math.random,
    limits: { objectBytesMax: 1 << 20 },
    generations: { captureForSure: async () => at, judge: async () => ({ verdict: 'valid', at }) },
    logTimeoutMs: 1000,
  });
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
  expect(await hasFrame(store, digestOf(2))).toBe(true);
});

const OLD = Buffer.from('old');
const objectOf = (
  name: string,
  value: Buffer = OLD,
): { name: string; value: Buffer; ttlMs: number; tags: string[] } => ({
  name,
  value,
  ttlMs: LONG_MS,
  tags: [],
});
const caller = { identity: 'svc' };

/** Puts while the janitor is at something, the first time; what is read back afterwards. */
async function putDuring(
  method: 'readManifest' | 'deleteManifest',
  { value, isNoted }: { value: Buffer; isNoted: boolean },
): Promise<{ told: string[]; readBack: (string | undefined)[] }> {
  let isCleaning = false;
  const house = openHouse({
    [method]: async () => {
      if (!isCleaning) return;
      isCleaning = false;
      // A use is told a moment after the answer, and here never.
      if (isNoted) await house.ledger.note(['scope svc'], house.clock.ms);
      for (const name of ['a', 'b']) await keeper.put(caller, objectOf(name, value));
    },
  });
  const keeper = keeperOf(house.store, house.clock);
  for (const name of ['a', 'b']) await keeper.put(caller, objectOf(name));
  await house.clean();
  house.clock.ms += TTL_MS;
  isCleaning = true;
  const told = await house.clean();
  const readBack = await Promise.all(
    ['a', 'b'].map(async (name) => (await keeper.get(caller, name))?.value.toString()),
  );
  return { told, readBack };
}

test.each(['readManifest', 'deleteManifest'] as const)(
  'an object that is put while the janitor is about to %s stays, whether or not the ledger knows of it yet',
  async (method) => {
    for (const isNoted of [true, false]) {
      const { readBack } = await putDuring(method, { value: Buffer.from('new'), isNoted });
      expect(readBack).toEqual(['new', 'new']);
    }
  },
);

test('an object whose value was there already keeps it when its former record goes while it is put', async () => {
  const house = openHouse();
  const large = Buffer.alloc(100_000, 'x');
  const held = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  const slow = watched(house.store, {
    writeManifest: async () => {
      written.resolve();
      await held.promise;
      return true;
    },
  });
  await keeperOf(house.store, house.clock).put(caller, objectOf('a', large));
  await house.clean();
  house.clock.ms += TTL_MS;
  const put = keeperOf(slow, house.clock).put(caller, objectOf('a', large));
  // Its frame is there and not written again; now the janitor comes, and the record is written after it.
  await written.promise;
  expect(await house.clean()).toEqual(['svc 1']);
  held.resolve();
  await put;
  const kept = await keeperOf(house.store, house.clock).get(caller, 'a');
  expect(kept?.value.byteLength).toBe(large.byteLength);
});
