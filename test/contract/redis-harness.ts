import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { createRedisStore } from '../../cache-server/src/store/redis-store.ts';
import type { RedisStore, RedisStoreOptions } from '../../cache-server/src/store/redis-store.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import type { StoreUnderTest } from './store-harness.ts';

const POLL_MS = 10;

/** What is read and written: one server, or the masters of a cluster. */
type Servers = RedisFixture | readonly RedisFixture[];

/** A store on a server, connected; a wide deadline, since a loaded machine is no reason to fail. */
export async function connectStore(
  redis: Pick<RedisFixture, 'url'>,
  options: Partial<RedisStoreOptions> = {},
): Promise<RedisStore> {
  const store = openStore(redis, options);
  await until(() => store.isReady);
  return store;
}

/** A store that may not be connected yet, or never be. Options that say where Redis is stand for the server. */
export function openStore(
  redis: Pick<RedisFixture, 'url'>,
  options: Partial<RedisStoreOptions> = {},
): RedisStore {
  const elsewhere = options.sentinel !== undefined || options.cluster !== undefined;
  return createRedisStore({
    ...(elsewhere ? {} : { url: redis.url }),
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

/** A connected store on emptied servers; after the test every key must have a time to live. */
export async function openOnEmptied(
  servers: Servers,
  options: Partial<RedisStoreOptions> = {},
): Promise<StoreUnderTest> {
  const all = [servers].flat();
  await Promise.all(all.map(async (redis) => await redis.command('FLUSHALL', 'SYNC')));
  const store = await connectStore(all[0]!, options);
  return {
    store,
    elapse: async (ms) => {
      // Redis took the command before we were told, by the clock of the same machine: its time ends before ours.
      await sleep(ms + POLL_MS);
    },
    close: async () => {
      await store.close();
      expect(await keysWithoutTtl(servers)).toEqual([]);
    },
  };
}

/** Every key in the database. */
export async function allKeys(redis: RedisFixture): Promise<string[]> {
  const names = (await redis.command('KEYS', '*')) as Buffer[];
  return names.map(String).toSorted();
}

/** Keys that would stay for ever. */
export async function keysWithoutTtl(servers: Servers): Promise<string[]> {
  const script = `local bad = {}
    for _, name in ipairs(redis.call('KEYS', '*')) do
      if redis.call('PTTL', name) == -1 then bad[#bad + 1] = name end
    end
    return bad`;
  const found = [servers].flat().map(async (redis) => (await redis.command('EVAL', script, 0)) as Buffer[]);
  return (await Promise.all(found)).flat().map(String);
}
