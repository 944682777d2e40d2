import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../cache-server/src/store/memory-store.ts';
import { entryStoreContract } from './entry-store-contract.ts';
import { LONG_MS, SCOPE, digest, frame, key, listAll, manifest } from './store-harness.ts';
import type { StoreUnderTest } from './store-harness.ts';

const MIB = 1024 * 1024;

/** A memory store whose clock stands until it is stepped. */
async function openMemory(bytesMax = 64 * MIB): Promise<StoreUnderTest> {
  let nowMs = 1_000_000;
  const store = createMemoryStore({ bytesMax, now: () => nowMs });
  return {
    store,
    elapse: async (ms) => {
      nowMs += ms;
    },
    close: async () => await store.close(),
  };
}

entryStoreContract('the embedded store', async () => await openMemory());

describe('the embedded store by itself', () => {
  test('an item lives until its very last millisecond', async () => {
    const { store, elapse } = await openMemory();
    await store.writeManifest(key('a'), manifest('a', '1', { ttlMs: 100 }));
    await store.writeFrames(SCOPE, [frame('a')], 100);
    await elapse(99);
    expect(await store.readManifest(key('a'))).toBeDefined();
    expect(await store.extendFrames(SCOPE, [digest('a')], 1)).toEqual([true]);
    await elapse(1);
    expect(await store.readManifest(key('a'))).toBeUndefined();
    expect(await store.extendFrames(SCOPE, [digest('a')], 1)).toEqual([false]);
  });

  test('what it counts stays within its bytes, and the least recently used goes first', async () => {
    const { store } = await openMemory(MIB);
    await store.writeFrames(SCOPE, [frame('kept', Buffer.alloc(1000))], LONG_MS);
    for (let index = 0; index < 5_000; index += 1) {
      await store.writeFrames(SCOPE, [frame(String(index), Buffer.alloc(1000))], LONG_MS);
      await store.readFrames(SCOPE, [digest('kept')]);
      expect((await store.stats()).bytes).toBeLessThanOrEqual(MIB);
    }
    const there = await store.extendFrames(SCOPE, ['kept', '4999', '0'].map(digest), LONG_MS);
    expect(there).toEqual([true, true, false]);
    expect((await store.stats()).bytes).toBeGreaterThan(0.9 * MIB);
  });

  test('what was let go makes room first, and is counted until its grace is over', async () => {
    const { store, elapse } = await openMemory(MIB);
    const fill = async (from: number, to: number): Promise<void> => {
      for (let index = from; index < to; index += 1)
        await store.writeFrames(SCOPE, [frame(String(index), Buffer.alloc(100_000))], LONG_MS);
    };
    await fill(0, 10);
    const release = { keptMs: 2 * LONG_MS, graceMs: 1000 };
    // Not the least recently used ones.
    await store.releaseFrames(SCOPE, ['7', '8', '9'].map(digest), release);
    await store.extendFrames(SCOPE, [digest('7')], LONG_MS);
    await fill(10, 11);
    const all = Array.from({ length: 11 }, (_none, index) => digest(String(index)));
    const there = (await store.readFrames(SCOPE, all)).flatMap((one, index) => (one ? [index] : []));
    expect(there).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 9, 10]);
    expect((await store.stats()).bytes).toBeGreaterThan(1_000_000);
    await elapse(1000);
    expect((await store.stats()).bytes).toBeLessThan(930_000);
  });

  test('what is refused because it is too large takes no room of what was let go', async () => {
    const { store } = await openMemory(10_000);
    await store.writeFrames(SCOPE, [frame('a', Buffer.alloc(5_000))], LONG_MS);
    await store.releaseFrames(SCOPE, [digest('a')], { keptMs: 2 * LONG_MS, graceMs: 1000 });
    await expect(store.writeFrames(SCOPE, [frame('b', Buffer.alloc(20_000))], LONG_MS)).rejects.toThrow();
    expect(await store.extendFrames(SCOPE, [digest('a')], LONG_MS)).toEqual([true]);
  });

  test('manifests that were driven out are neither listed nor counted', async () => {
    const { store } = await openMemory(100_000);
    for (let index = 0; index < 1_000; index += 1) {
      await store.writeManifest(key(String(index)), manifest('m'.repeat(1000), '1'));
    }
    const listed = await listAll(store, '');
    expect(listed.length).toBe((await store.stats()).entries);
    expect(listed.at(-1)).toBe(key('999'));
    expect(listed.length).toBeLessThan(100);
  });

  test('tiny items cost their overhead too', async () => {
    const { store } = await openMemory(MIB);
    for (let index = 0; index < 10_000; index += 1) {
      await store.writeFrames(SCOPE, [frame(String(index), Buffer.alloc(1))], LONG_MS);
    }
    const digests = Array.from({ length: 10_000 }, (_none, index) => digest(String(index)));
    const there = await store.extendFrames(SCOPE, digests, LONG_MS);
    expect(there.filter(Boolean).length).toBeLessThan(MIB / 1_000);
  });

  test('an item that is larger than the store is refused, and what was there stays', async () => {
    const { store } = await openMemory(10_000);
    await store.writeManifest(key('a'), manifest('small', '1'));
    const large = manifest('x'.repeat(20_000), '2');
    await expect(store.writeManifest(key('a'), large)).rejects.toMatchObject({ code: 'store' });
    expect(String(await store.readManifest(key('a')))).toBe('small');
    const frames = [frame('large', Buffer.alloc(20_000))];
    await expect(store.writeFrames(SCOPE, frames, LONG_MS)).rejects.toMatchObject({ code: 'store' });
  });

  test('frames that do not fit together are refused, not half kept and called written', async () => {
    const { store } = await openMemory(10_000);
    const frames = ['a', 'b', 'c'].map((name) => frame(name, Buffer.alloc(4_000)));
    await expect(store.writeFrames(SCOPE, frames, LONG_MS)).rejects.toMatchObject({ code: 'store' });
    expect((await store.stats()).bytes).toBeLessThanOrEqual(10_000);
  });

  test('a listing does not keep items from being driven out', async () => {
    const { store } = await openMemory(10_000);
    await store.writeManifest(key('first'), manifest('x'.repeat(2_000), '1'));
    await store.writeManifest(key('second'), manifest('x'.repeat(2_000), '1'));
    await store.readManifest(key('second'));
    await listAll(store, 'first');
    for (const name of ['third', 'fourth'])
      await store.writeManifest(key(name), manifest('x'.repeat(2_000), '1'));
    expect(await store.readManifest(key('first'))).toBeUndefined();
    expect(await store.readManifest(key('second'))).toBeDefined();
  });

  test('a manifest that is kept stays whatever else comes, and is counted', async () => {
    const { store } = await openMemory(MIB);
    const kept = { ...manifest('k'.repeat(100_000), '1'), isKept: true };
    await store.writeManifest(key('kept'), kept);
    for (let index = 0; index < 2_000; index += 1) {
      await store.writeFrames(SCOPE, [frame(String(index), Buffer.alloc(1000))], LONG_MS);
      await store.writeManifest(key(String(index)), manifest('m'.repeat(1000), '1'));
      expect((await store.stats()).bytes).toBeLessThanOrEqual(MIB);
    }
    expect((await store.stats()).bytes).toBeGreaterThan(0.9 * MIB);
    expect((await store.readManifest(key('kept')))?.length).toBe(100_000);
    expect(await listAll(store, 'kept')).toEqual([key('kept')]);
    await store.deleteManifest(key('kept'));
    await store.writeManifest(key('kept'), manifest('k', '1'));
    expect((await store.stats()).bytes).toBeLessThan(0.95 * MIB);
  });

  test('kept manifests have no more than half of the store, and what is refused changes nothing', async () => {
    const { store, elapse } = await openMemory(100_000);
    const kept = (size: number): ReturnType<typeof manifest> & { isKept: boolean } => ({
      ...manifest('k'.repeat(size), '1'),
      isKept: true,
    });
    await store.writeManifest(key('a'), kept(20_000));
    await store.writeManifest(key('a'), kept(30_000));
    await expect(store.writeManifest(key('b'), kept(30_000))).rejects.toMatchObject({ code: 'store' });
    await expect(store.writeManifest(key('a'), kept(60_000))).rejects.toThrow('(50000 bytes)');
    expect((await store.readManifest(key('a')))?.length).toBe(30_000);
    await expect(store.writeManifest(key('c'), manifest('c'.repeat(80_000), '1'))).rejects.toThrow(
      '(100000 bytes)',
    );
    await elapse(LONG_MS);
    await store.writeManifest(key('b'), kept(45_000));
  });
});
