/** Leases in Redis and in the process, by one suite. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ProcessLeases } from '../../cache-server/src/lease/process-leases.fixture.ts';
import { ConnectionErrors } from '../../cache-server/src/store/redis/connection-errors.ts';
import { RedisConnection } from '../../cache-server/src/store/redis/redis-connection.ts';
import { RedisLeases } from '../../cache-server/src/store/redis/redis-leases.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { leaseContract } from './lease-contract.ts';
import { until } from './redis-harness.ts';

const SHORT_MS = 500;
const RECORDS = { recordsMs: 60_000, releasedMs: 30_000 };

describe('leases in the process', () => {
  it.each(Object.entries(leaseContract))('%s', async (_title, check) => {
    let nowMs = 1_700_000_000_000;
    const elapseLease = async (): Promise<void> => void (nowMs += 3001);
    await check({ leases: new ProcessLeases({ now: () => nowMs }), elapseLease });
  });
});

function connect({ url }: RedisFixture): RedisConnection {
  const errors = new ConnectionErrors(undefined, () => performance.now());
  return new RedisConnection({ url, commandTimeoutMs: 10_000, protocol: 3, autoPipelining: true, errors });
}

describe('leases in Redis', () => {
  it('do what every store of leases does, and every key has a time to live', async () => {
    await using redis = await startRedis();
    const control = connect(redis);
    try {
      await until(() => control.isReady);
      const leases = new RedisLeases({ control, keyPrefix: 'test', leaseMs: 60_000, ...RECORDS });
      const short = new RedisLeases({ control, keyPrefix: 'short', leaseMs: SHORT_MS, ...RECORDS });
      for (const [title, check] of Object.entries(leaseContract)) {
        const runsOut = title.includes('runs out');
        await check({ leases: runsOut ? short : leases, elapseLease: async () => await sleep(2 * SHORT_MS) });
      }
      for (const key of await control.command('keys', async (client) => await client.keys('*')))
        expect(await control.command('pttl', async (client) => await client.pttl(key))).toBeGreaterThan(0);
    } finally {
      await control.close();
    }
  });

  it('leave what was told for a moment only once they are given up', async () => {
    await using redis = await startRedis();
    const control = connect(redis);
    try {
      await until(() => control.isReady);
      const leases = new RedisLeases({ control, keyPrefix: 'test', leaseMs: 60_000, ...RECORDS });
      const { token } = await leases.take('a');
      await leases.append('a', token, { records: [Buffer.alloc(1000)], isAnswered: true });
      const left = async (): Promise<unknown> => await redis.command('PTTL', `test:1:flight:{a}:${token}`);
      expect(await left()).toBeGreaterThan(RECORDS.releasedMs);
      await leases.release('a', 'another');
      expect(await left()).toBeGreaterThan(RECORDS.releasedMs);
      await leases.release('a', token);
      expect(await left()).toBeLessThanOrEqual(RECORDS.releasedMs);
      expect((await leases.read('a', token, { after: '', countMax: 9 })).records).toHaveLength(1);
    } finally {
      await control.close();
    }
  });
});
