import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { createRedisStore } from '../../cache-server/src/store/redis-store.ts';
import type { RedisStore, RedisStoreOptions } from '../../cache-server/src/store/redis-store.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import type { StoreUnderTest } from './store-harness.ts';

const POLL_MS = 10;

/** A store on a server, connected; a wide deadline, since a loaded machine is no reason to fail. */
export async function connectStore(
  redis: RedisFixture,
  options: Partial<RedisStoreOptions> = {},
): Promise<RedisStore> {
  const store = openStore(redis, options);
  await until(() => store.isReady);
  return store;
}

/** A store that may not be connected yet, or never be. */
export function openStore(redis: RedisFixture, options: Partial<RedisStoreOptions> = {}): RedisStore {
  return createRedisStore({
    url: redis.url,
    keyPrefix: 'pannier-test',
    commandTimeoutMs: 10_000,
    protocol: 3,
    ...options,
  });
}

/** Waits until a condition holds; the test's own time limit is what ends a wait in vain. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(POLL_MS);
}

/** A connected store on an emptied server; after the test every key must have a time to live. */
export async function openOnEmptied(redis: RedisFixture, protocol: 2 | 3): Promise<StoreUnderTest> {
  await redis.command('FLUSHALL', 'SYNC');
  const store = await connectStore(redis, { protocol });
  return {
    store,
    elapse: async (ms) => {
      // Redis took the command before we were told, by the clock of the same machine: its time ends before ours.
      await sleep(ms + POLL_MS);
    },
    close: async () => {
      await store.close();
      expect(await keysWithoutTtl(redis)).toEqual([]);
    },
  };
}

/** Every key in the database. */
export async function allKeys(redis: RedisFixture): Promise<string[]> {
  const names = (await redis.command('KEYS', '*')) as Buffer[];
  return names.map(String).toSorted();
}

/** Keys that would stay for ever. */
export async function keysWithoutTtl(redis: RedisFixture): Promise<string[]> {
  const script = `local bad = {}
    for _, name in ipairs(redis.call('KEYS', '*')) do
      if redis.call('PTTL', name) == -1 then bad[#bad + 1] = name end
    end
    return bad`;
  return ((await redis.command('EVAL', script, 0)) as Buffer[]).map(String);
}
