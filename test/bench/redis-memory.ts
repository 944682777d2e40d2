/** What lies in a Redis, and how much memory it takes. */
import type { RedisFixture } from '../fixture/redis-server.ts';
import type { RedisReply } from '../fixture/redis-wire.ts';

/** Keys of one kind, and what Redis says that they take. */
export interface KindMemory {
  keys: number;
  bytes: number;
}

/** MEMORY USAGE of all keys by the third part of their names: `manifest`, `frame` and so on. */
export async function memoryByKind(redis: RedisFixture): Promise<Record<string, KindMemory>> {
  const kinds: Record<string, KindMemory> = {};
  let cursor = '0';
  do {
    const [next, names] = (await redis.command('SCAN', cursor, 'COUNT', 1000)) as [RedisReply, Buffer[]];
    cursor = String(next);
    for (const name of names) {
      const kind = name.toString('latin1').split(':')[2] ?? '';
      const sum = (kinds[kind] ??= { keys: 0, bytes: 0 });
      sum.keys += 1;
      sum.bytes += Number(await redis.command('MEMORY', 'USAGE', name));
    }
  } while (cursor !== '0');
  return kinds;
}
