import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { entryStoreContract } from './entry-store-contract.ts';
import { allKeys, connectStore, keysWithoutTtl, openOnEmptied } from './redis-harness.ts';
import { LONG_MS, digest, frame, key, manifest } from './store-harness.ts';

let redis: RedisFixture;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => await redis.stop());

entryStoreContract('the Redis store, protocol 3', async () => await openOnEmptied(redis));
entryStoreContract('the Redis store, protocol 2', async () => await openOnEmptied(redis, { protocol: 2 }));

describe('the Redis store by itself', () => {
  test('its keys carry prefix and format version, and only a manifest has a hash tag', async () => {
    await redis.command('FLUSHALL', 'SYNC');
    await using under = await connected();
    await under.store.writeManifest('geo:original:GET%20x', manifest('m', '1'));
    await under.store.writeFrames('geo:{č}', [frame('a')], LONG_MS);
    expect(await allKeys(redis)).toEqual([
      `pannier-test:1:frame:geo%3A%7B%C4%8D%7D:${digest('a').toString('hex')}`,
      'pannier-test:1:manifest:{geo:original:GET%20x}',
    ]);
  });

  test('stores of different prefixes share a database and nothing else', async () => {
    await redis.command('FLUSHALL', 'SYNC');
    await using one = await connected('one');
    await using other = await connected('o*');
    await one.store.writeManifest(key('a'), manifest('one', '1'));
    expect(await other.store.readManifest(key('a'))).toBeUndefined();
    expect((await other.store.listKeys({ contains: '', cursor: '', limit: 10 })).keys).toEqual([]);
  });

  test('a key without a time to live gets one when it is written or extended', async () => {
    await redis.command('FLUSHALL', 'SYNC');
    await using under = await connected();
    await under.store.writeFrames('geo', [frame('a'), frame('b')], LONG_MS);
    await under.store.writeManifest(key('a'), manifest('m', '1'));
    for (const name of await allKeys(redis)) await redis.command('PERSIST', name);
    expect(await keysWithoutTtl(redis)).toHaveLength(3);
    await under.store.extendFrames('geo', [digest('a')], LONG_MS);
    await under.store.writeFrames('geo', [frame('b')], LONG_MS);
    await under.store.writeManifest(key('a'), manifest('m', '2', { ifVersion: '1' }));
    expect(await keysWithoutTtl(redis)).toEqual([]);
  });

  test('scripts that Redis has forgotten are sent again', async () => {
    await using under = await connected();
    const write = async (version: string): Promise<boolean> =>
      await under.store.writeManifest(key('scripted'), manifest(version, version));
    expect(await write('1')).toBe(true);
    await redis.command('SCRIPT', 'FLUSH');
    expect(await write('2')).toBe(true);
    await redis.command('SCRIPT', 'FLUSH');
    expect(await Promise.all(['3', '4', '5'].map(write))).toEqual([true, true, true]);
    await redis.command('SCRIPT', 'FLUSH');
    await under.store.writeFrames('geo', [frame('x'), frame('y')], LONG_MS);
    expect(await under.store.extendFrames('geo', ['x', 'y'].map(digest), LONG_MS)).toEqual([true, true]);
  });

  test('of two replicas that write a frame the longer time to live stays', async () => {
    await redis.command('FLUSHALL', 'SYNC');
    await using one = await connected();
    await using other = await connected();
    const frames = Array.from({ length: 200 }, (_none, index) => frame(String(index)));
    // One by one, so that the two meet between the look and the write many times.
    const writes = frames.flatMap((each) => [
      one.store.writeFrames('geo', [each], LONG_MS),
      other.store.writeFrames('geo', [each], LONG_MS / 10),
    ]);
    await Promise.all(writes);
    const shortest = `local least = math.huge
      for _, name in ipairs(redis.call('KEYS', '*')) do least = math.min(least, redis.call('PTTL', name)) end
      return least`;
    expect(await redis.command('EVAL', shortest, 0)).toBeGreaterThan(LONG_MS / 2);
  });

  test('a fence of a clock that was a day ahead does not refuse what is written once it is right', async () => {
    await using under = await connected();
    const fence = (aheadS: number): string =>
      `${Math.floor(Date.now() / 1000) + aheadS}000000-0c5a8b2e-0000-4000-8000-000000000000`;
    const write = async (version: string, aheadS: number): Promise<boolean> =>
      await under.store.writeManifest(key('fenced'), manifest('m', version, { fence: fence(aheadS) }));
    expect(await write('1', 86_400)).toBe(true);
    expect(await write('2', 0)).toBe(true);
    expect(await write('3', 60)).toBe(true);
    expect(await write('4', 30)).toBe(false);
  });

  test('what is read keeps no larger piece of memory alive', async () => {
    await using under = await connected();
    await under.store.writeFrames('geo', [frame('view', Buffer.alloc(5_000))], LONG_MS);
    await under.store.writeManifest(key('view'), { ...manifest('', '1'), bytes: Buffer.alloc(5_000) });
    const [read] = await under.store.readFrames('geo', [digest('view')]);
    expect(read!.buffer.byteLength).toBe(5_000);
    expect((await under.store.readManifest(key('view')))!.buffer.byteLength).toBe(5_000);
  });

  test('two replicas on one Redis see each other’s entries', async () => {
    await using one = await connected();
    await using other = await connected();
    await one.store.writeManifest(key('shared'), manifest('by one', 'v1'));
    expect(
      await other.store.writeManifest(key('shared'), manifest('by other', 'v2', { ifVersion: 'v1' })),
    ).toBe(true);
    expect(await one.store.writeManifest(key('shared'), manifest('late', 'v3', { ifVersion: 'v1' }))).toBe(
      false,
    );
    expect(String(await one.store.readManifest(key('shared')))).toBe('by other');
  });
});

async function connected(
  keyPrefix = 'pannier-test',
): Promise<AsyncDisposable & { store: Awaited<ReturnType<typeof connectStore>> }> {
  const store = await connectStore(redis, { keyPrefix });
  return { store, [Symbol.asyncDispose]: async () => await store.close() };
}
