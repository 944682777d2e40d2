import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RedisStore } from '../../cache-server/src/store/redis-store.ts';
import { startRedisSentinel } from '../fixture/redis-sentinel.ts';
import type { SentinelFixture } from '../fixture/redis-sentinel.ts';
import { entryStoreContract } from './entry-store-contract.ts';
import { connectStore, openOnEmptied, until } from './redis-harness.ts';
import { LONG_MS, SCOPE, digest, frame, key, manifest } from './store-harness.ts';

let under: SentinelFixture;
beforeAll(async () => {
  under = await startRedisSentinel();
});
afterAll(async () => await under.stop());

entryStoreContract('the Redis store under sentinels', async () => {
  return await openOnEmptied(await under.master(), { sentinel: under });
});

describe('the Redis store under sentinels by itself', () => {
  test('finds the master while a sentinel is dead', async () => {
    const [first] = under.sentinels;
    await first!.kill9();
    onTestFinished(async () => await first!.restart());
    const store = await connected();
    expect(await store.writeManifest(key('a'), manifest('a', '1'))).toBe(true);
  });

  test('goes on at the new master when the old one is killed, without a restart of ours', async () => {
    const store = await connected();
    const old = await under.master();
    await store.writeManifest(key('before'), manifest('before', '1'));
    await until(async () => await replicated(old));
    await old.kill9();
    await expect(store.writeManifest(key('during'), manifest('x', '1'))).rejects.toMatchObject({
      code: 'store',
    });
    await until(async () => await serves(store));
    expect(await under.master()).not.toBe(old);
    expect(String(await store.readManifest(key('before')))).toBe('before');
    await old.restart();
    expect(await serves(store)).toBe(true);
  });

  test('goes on at the new master when the old one is only silent, and leaves it when it is back', async () => {
    const old = await under.master();
    await until(async () => await replicated(old));
    const store = await connected();
    await old.pause();
    await until(async () => await serves(store));
    expect(await under.master()).not.toBe(old);
    old.resume();
    for (let round = 0; round < 20; round += 1) await until(async () => await serves(store));
  });
});

async function connected(): Promise<RedisStore> {
  const store = await connectStore(under.servers[0]!, { sentinel: under, commandTimeoutMs: 500 });
  onTestFinished(async () => await store.close());
  return store;
}

/** Whether both replicas have all that the master has. */
async function replicated(master: SentinelFixture['servers'][number]): Promise<boolean> {
  await master.command('SET', 'probe', 'x', 'PX', 1_000);
  return (await master.command('WAIT', 2, 1_000)) === 2;
}

async function serves(store: RedisStore): Promise<boolean> {
  const outcomes = await Promise.allSettled([
    store.writeManifest(key('a'), manifest('a', '1')),
    store.writeFrames(SCOPE, [frame('a')], LONG_MS),
    store.readFrames(SCOPE, [digest('a')]),
  ]);
  return outcomes.every(({ status }) => status === 'fulfilled');
}
