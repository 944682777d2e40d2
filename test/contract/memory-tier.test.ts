import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createMemoryStore } from '../../cache-server/src/store/memory-store.ts';
import { createMemoryTier, RECENT_MS } from '../../cache-server/src/store/memory-tier.ts';
import type { MemoryTierOptions, SharedStore } from '../../cache-server/src/store/memory-tier.ts';
import type { EntryStore } from '../../cache-server/src/store/entry-store.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { entryStoreContract } from './entry-store-contract.ts';
import { connectStore, keysWithoutTtl, until } from './redis-harness.ts';
import { LONG_MS, SCOPE, digest, frame, key, manifest } from './store-harness.ts';
import type { StoreUnderTest } from './store-harness.ts';

const MIB = 1024 * 1024;

let redis: RedisFixture;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => await redis.stop());

/** Hits by what and where; two replicas with memory of their own over one Redis. */
async function replica(
  options: Partial<MemoryTierOptions> = {},
): Promise<{ store: EntryStore; hits: Record<string, number>; close: () => Promise<void> }> {
  const hits: Record<string, number> = {};
  const store = createMemoryTier({
    store: await connectStore(redis, { commandTimeoutMs: 500 }),
    bytesMax: 8 * MIB,
    now: () => Date.now(),
    onHit: (what, tier) => (hits[`${what} ${tier}`] = (hits[`${what} ${tier}`] ?? 0) + 1),
    ...options,
  });
  return { store, hits, close: async () => await store.close() };
}

async function openTier(): Promise<StoreUnderTest> {
  await redis.command('FLUSHALL', 'SYNC');
  const shared = await connectStore(redis);
  const { store } = await replica({ store: shared });
  return {
    store,
    elapse: async (ms) => await new Promise((resolve) => setTimeout(resolve, ms + 10)),
    close: async () => {
      await store.close();
      expect(await keysWithoutTtl(redis)).toEqual([]);
    },
  };
}

entryStoreContract('memory before the Redis store', openTier);

describe('memory before Redis', () => {
  test('a recent manifest is taken from memory; one that must be the latest never is', async () => {
    const clock = steppedClock();
    const [one, other] = [await open(clock), await open(clock)];
    await one.store.writeManifest(key('a'), manifest('first', '1'));
    expect(String(await other.store.readManifest(key('a'), { recent: true }))).toBe('first');
    await one.store.writeManifest(key('a'), manifest('second', '2'));
    expect(String(await one.store.readManifest(key('a'), { recent: true }))).toBe('second');
    expect(String(await other.store.readManifest(key('a'), { recent: true }))).toBe('first');
    clock.now += RECENT_MS;
    expect(String(await other.store.readManifest(key('a'), { recent: true }))).toBe('second');
    await one.store.writeManifest(key('a'), manifest('third', '3'));
    expect(String(await other.store.readManifest(key('a')))).toBe('third');
    expect(other.hits).toEqual({ 'manifest redis': 3, 'manifest memory': 1 });
  });

  test('after the clock was set back nothing from before passes for recent', async () => {
    const clock = steppedClock();
    const [one, other] = [await open(clock), await open(clock)];
    await one.store.writeManifest(key('a'), manifest('first', '1'));
    expect(String(await other.store.readManifest(key('a'), { recent: true }))).toBe('first');
    clock.now -= 3_600_000;
    await one.store.writeManifest(key('a'), manifest('second', '2'));
    expect(String(await other.store.readManifest(key('a'), { recent: true }))).toBe('second');
  });

  test('a comparison that another replica has won is seen to be lost', async () => {
    const clock = steppedClock();
    const [one, other] = [await open(clock), await open(clock)];
    await one.store.writeManifest(key('a'), manifest('first', '1'));
    await other.store.writeManifest(key('a'), manifest('second', '2'));
    const third = manifest('third', '3', { ifVersion: '1' });
    expect(await one.store.writeManifest(key('a'), third)).toBe(false);
    expect(String(await one.store.readManifest(key('a'), { recent: true }))).toBe('second');
  });

  test('what one replica deleted is gone from its memory at once', async () => {
    const { store } = await open();
    await store.writeManifest(key('a'), manifest('a', '1'));
    await store.writeFrames(SCOPE, [frame('a')], LONG_MS);
    await store.readFrames(SCOPE, [digest('a')]);
    const read = store.readManifest(key('a'), { recent: true });
    await Promise.all([store.deleteManifest(key('a')), store.deleteFrames(SCOPE, [digest('a')]), read]);
    expect(await store.readManifest(key('a'), { recent: true })).toBeUndefined();
    expect(await store.readFrames(SCOPE, [digest('a')])).toEqual([undefined]);
  });

  test('what one replica let go is read from Redis again, as long as it is there', async () => {
    const { store, hits } = await open();
    await store.writeFrames(SCOPE, [frame('a', Buffer.from('A'))], LONG_MS);
    await store.readFrames(SCOPE, [digest('a')]);
    await store.releaseFrames(SCOPE, [digest('a')], { keptMs: 2 * LONG_MS, graceMs: LONG_MS / 2 });
    expect((await store.readFrames(SCOPE, [digest('a')])).map(String)).toEqual(['A']);
    expect(hits).toEqual({ 'frame redis': 2 });
  });

  test('a frame is read from Redis once; that it is in memory proves nothing of Redis', async () => {
    const { store, hits } = await open();
    await store.writeFrames(SCOPE, [frame('a', Buffer.from('A'))], LONG_MS);
    for (let round = 0; round < 5; round += 1)
      expect((await store.readFrames(SCOPE, ['a', 'b'].map(digest))).map(String)).toEqual(['A', 'undefined']);
    expect(hits).toEqual({ 'frame redis': 1, 'frame memory': 4 });
    await redis.command('FLUSHALL', 'SYNC');
    expect(await store.extendFrames(SCOPE, [digest('a')], LONG_MS)).toEqual([false]);
    expect(await store.readFrames(SCOPE, [digest('a')])).toEqual([undefined]);
  });

  test('while Redis is away, what is in memory serves until its own time is over, and Redis is used again when it is back', async () => {
    const clock = steppedClock();
    const own = await startRedis();
    onTestFinished(async () => await own.stop());
    const store = createMemoryTier({
      store: await connectStore(own, { commandTimeoutMs: 300 }),
      bytesMax: MIB,
      now: () => clock.now,
      onHit: () => undefined,
    });
    onTestFinished(async () => await store.close());
    await store.writeManifest(key('a'), manifest('a', '1', { ttlMs: 60_000 }));
    await store.writeManifest(key('b'), manifest('b', '1', { ttlMs: 20_000 }));
    await store.writeFrames(SCOPE, [frame('a', Buffer.from('A'))], LONG_MS);
    await store.readFrames(SCOPE, [digest('a')]);
    await own.kill9();
    clock.now += 30_000;
    expect(String(await store.readManifest(key('a')))).toBe('a');
    expect((await store.readFrames(SCOPE, [digest('a')])).map(String)).toEqual(['A']);
    await expect(store.readManifest(key('b'))).rejects.toMatchObject({ code: 'store' });
    const renewed = manifest('renewed', '1', { ttlMs: 60_000, ifVersion: '1' });
    await expect(store.writeManifest(key('a'), renewed)).rejects.toMatchObject({ code: 'store' });
    expect(String(await store.readManifest(key('a')))).toBe('renewed');
    clock.now += 60_000;
    await expect(store.readManifest(key('a'))).rejects.toMatchObject({ code: 'store' });
    await own.restart();
    await until(async () => (await store.readManifest(key('a')).catch(() => null)) === undefined);
  });
});

describe('memory before a store', () => {
  test('holds no more than its bytes, and nothing that would take most of them', async () => {
    const under = embedded();
    const store = createMemoryTier({ store: under, bytesMax: MIB, now: () => 0, onHit: () => undefined });
    const large = frame('large', Buffer.alloc(MIB / 2));
    const small = Array.from({ length: 40 }, (_none, index) => frame(`${index}`, Buffer.alloc(50_000)));
    await store.writeFrames(SCOPE, [large, ...small], LONG_MS);
    const all = [large, ...small].map((one) => one.digest);
    await store.readFrames(SCOPE, all);
    await under.deleteFrames(SCOPE, all);
    const kept = (await store.readFrames(SCOPE, all)).filter(Boolean);
    expect(kept.length).toBeGreaterThan(15);
    expect(kept.length).toBeLessThanOrEqual(20);
    expect(Math.max(...kept.map((one) => one!.byteLength))).toBe(50_000);
  });

  test('many who ask for one manifest at a time cost one read', async () => {
    const under = embedded();
    let reads = 0;
    const counted = {
      ...bound(under),
      readLastingManifest: async (name: string) => {
        reads += 1;
        return await under.readLastingManifest(name);
      },
    };
    const store = createMemoryTier({ store: counted, bytesMax: MIB, now: () => 0, onHit: () => undefined });
    await under.writeManifest(key('a'), manifest('a', '1'));
    const answers = await Promise.all(
      Array.from({ length: 100 }, async () => await store.readManifest(key('a'), { recent: true })),
    );
    expect(reads).toBe(1);
    answers[0]!.fill(0);
    expect(answers.slice(1).every((answer) => String(answer) === 'a')).toBe(true);
    expect(String(await store.readManifest(key('a'), { recent: true }))).toBe('a');
  });
});

function steppedClock(): { now: number } {
  return { now: Date.now() };
}

async function open(clock?: { now: number }): ReturnType<typeof replica> {
  const opened = await replica(clock === undefined ? {} : { now: () => clock.now });
  onTestFinished(opened.close);
  await redis.command('FLUSHALL', 'SYNC');
  return opened;
}

/** The embedded store, which tells of lifetimes too. */
function embedded(): SharedStore {
  const store = createMemoryStore({ bytesMax: 64 * MIB, now: () => 0 });
  return {
    ...bound(store),
    readLastingManifest: async (name) => {
      const bytes = await store.readManifest(name);
      return bytes === undefined ? undefined : { bytes, ttlMs: LONG_MS };
    },
  };
}

/** A store as an object of its own, so that one method can be another. */
function bound(store: EntryStore): EntryStore {
  return {
    kind: store.kind,
    readManifest: async (...args) => await store.readManifest(...args),
    writeManifest: async (...args) => await store.writeManifest(...args),
    deleteManifest: async (...args) => await store.deleteManifest(...args),
    readFrames: async (...args) => await store.readFrames(...args),
    writeFrames: async (...args) => await store.writeFrames(...args),
    extendFrames: async (...args) => await store.extendFrames(...args),
    deleteFrames: async (...args) => await store.deleteFrames(...args),
    releaseFrames: async (...args) => await store.releaseFrames(...args),
    listKeys: async (...args) => await store.listKeys(...args),
    stats: async () => await store.stats(),
    close: async () => await store.close(),
  };
}
