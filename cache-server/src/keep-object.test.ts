import { contentDigest, encodeBytes } from '@pannier/proto/partition-format';
import { expect, test } from 'vitest';
import { createObjectKeeper } from './keep-object.ts';
import type { ObjectKeeper } from './keep-object.ts';
import { GRACE_MS, LONG_MS, openHouse, TTL_MS, watched } from './left-behind.fixture.ts';
import type { EntryStore } from './store/entry-store.ts';

function keeperOf(store: EntryStore, clock: { now: () => number; after: () => () => void }): ObjectKeeper {
  const at = { epoch: 'e', sequence: 0 };
  return createObjectKeeper({
    store,
    clock,
    random: Math.random,
    limits: { objectBytesMax: 1 << 20 },
    generations: { captureForSure: async () => at, judge: async () => ({ verdict: 'valid', at }) },
    logTimeoutMs: 1000,
    logger: { warn: () => undefined },
  });
}

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

test('an object of the same value that is put under another name while the first one goes keeps its value', async () => {
  let isCleaning = false;
  const large = Buffer.alloc(100_000, 'x');
  const house = openHouse({
    // The janitor is about to remove the first one, and has no reason to look at other names.
    deleteManifest: async () => {
      if (isCleaning) await keeper.put(caller, objectOf('b', large));
      isCleaning = false;
      return true;
    },
  });
  const keeper = keeperOf(house.store, house.clock);
  await keeper.put(caller, objectOf('a', large));
  await house.clean();
  house.clock.ms += TTL_MS;
  isCleaning = true;
  expect(await house.clean()).toEqual(['svc 1']);
  house.clock.ms += 2 * GRACE_MS;
  expect((await keeper.get(caller, 'b'))?.value.byteLength).toBe(large.byteLength);
});

/** The one record of the house, for a stranger's hand. */
async function recordKey(store: EntryStore): Promise<string> {
  const { keys } = await store.listKeys({ contains: ':object:', cursor: '', limit: 2 });
  expect(keys).toHaveLength(1);
  return keys[0]!;
}

test.each(['garbage', '', '\x92\x01'])(
  'a record that cannot be read (%j) is a miss, can be put anew, and is no obstacle to the janitor',
  async (garbage) => {
    const house = openHouse();
    const keeper = keeperOf(house.store, house.clock);
    const spoil = async (): Promise<void> => {
      await keeper.put(caller, objectOf('a'));
      const damaged = { bytes: Buffer.from(garbage, 'latin1'), version: '?', ttlMs: LONG_MS };
      await house.store.writeManifest(await recordKey(house.store), damaged);
    };
    await spoil();
    expect(await keeper.get(caller, 'a')).toBeUndefined();
    await keeper.put(caller, objectOf('a'));
    expect((await keeper.get(caller, 'a'))?.value.toString()).toBe('old');
    await spoil();
    await house.clean();
    house.clock.ms += TTL_MS;
    expect(await house.clean()).toEqual(['svc 1']);
  },
);

test('a damaged value is a miss, and is whole again when it is put again', async () => {
  const house = openHouse();
  const keeper = keeperOf(house.store, house.clock);
  const large = Buffer.alloc(100_000, 'x');
  const digest = contentDigest(encodeBytes(large), 'original');
  await house.store.writeFrames('svc', [{ digest, frame: Buffer.from('damaged') }], LONG_MS);
  await keeper.put(caller, objectOf('a', large));
  expect(await keeper.get(caller, 'a')).toBeUndefined();
  await keeper.put(caller, objectOf('a', large));
  expect((await keeper.get(caller, 'a'))?.value.byteLength).toBe(large.byteLength);
});
