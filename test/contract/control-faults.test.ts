/** What the Redis for control does, script by script, when its memory is full and it may not evict; and what is done when it hangs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../cache-server/src/clock.ts';
import { isRefusal } from '../../cache-server/src/errors.ts';
import { ConnectionErrors } from '../../cache-server/src/store/redis/connection-errors.ts';
import { RedisConnection } from '../../cache-server/src/store/redis/redis-connection.ts';
import { RedisInvalidationLog } from '../../cache-server/src/store/redis/redis-invalidation-log.ts';
import { RedisLeases } from '../../cache-server/src/store/redis/redis-leases.ts';
import { RedisUpstreamSlots } from '../../cache-server/src/store/redis/redis-upstream-slots.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { until } from './redis-harness.ts';

const NAMES = { keyPrefix: 'test' };
/** So long that no lease ends by itself while a test runs. */
const LASTING = { leaseMs: 600_000, recordsMs: 600_000, releasedMs: 600_000 };
const ALL = { after: '', countMax: 9 };
const RECORDS = { records: [Buffer.from('told')], isAnswered: true };

async function ownRedis(): Promise<RedisFixture> {
  const redis = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
  onTestFinished(async () => await redis.stop());
  return redis;
}

async function connect({ url }: RedisFixture, commandTimeoutMs = 10_000): Promise<RedisConnection> {
  const errors = new ConnectionErrors(undefined, () => performance.now());
  const control = new RedisConnection({ url, commandTimeoutMs, protocol: 3, autoPipelining: true, errors });
  onTestFinished(async () => await control.close());
  await until(() => control.isReady);
  return control;
}

/** Whether a call was refused by Redis itself. */
async function isRefused(call: Promise<unknown>): Promise<boolean> {
  return await call.then(
    () => false,
    (error: unknown) => isRefusal(error),
  );
}

test('when it is full, leases are kept and given up, but none is taken and nothing is told', async () => {
  const redis = await ownRedis();
  const leases = new RedisLeases({ control: await connect(redis), ...NAMES, ...LASTING });
  const { token } = await leases.take('a');
  await leases.append('a', token, RECORDS);
  await redis.configSet('maxmemory', '1');
  expect(await isRefused(leases.take('b'))).toBe(true);
  expect(await leases.take('a')).toEqual({ kind: 'held', token, isAnswered: true });
  expect(await leases.renew('a', token)).toBe(true);
  expect(await isRefused(leases.append('a', token, RECORDS))).toBe(true);
  expect(await leases.read('a', token, ALL)).toMatchObject({ holder: token, records: [{}] });
  await leases.release('a', token);
  expect((await leases.read('a', token, ALL)).holder).toBeUndefined();
  await redis.configSet('maxmemory', 0);
  expect((await leases.take('a')).kind).toBe('taken');
});

test('when it is full, invalidations are taken in all the same, and fetches are not reported', async () => {
  const redis = await ownRedis();
  const control = await connect(redis);
  const log = new RedisInvalidationLog({ control, ...NAMES, clock: systemClock, random: Math.random });
  const slots = new RedisUpstreamSlots({ control, ...NAMES, reportLeaseMs: 5000, serverSeenMs: 10_000 });
  const { head } = await log.append([
    { kind: 'invalidation', target: { kind: 'all', value: '' }, mode: 'hard' },
  ]);
  await redis.configSet('maxmemory', '1');
  const after = await log.append([
    { kind: 'invalidation', target: { kind: 'all', value: '' }, mode: 'soft' },
  ]);
  expect(after.head).toEqual({ epoch: head.epoch, sequence: head.sequence + 1 });
  const report = { upstream: 'a', waiting: 1, waitedMs: 0, concurrencyMax: 1, rate: undefined };
  expect(await isRefused(slots.report({ ...report, running: 0 }))).toBe(true);
});

test('a lease that was taken for a caller who was not told is given up again', async () => {
  const redis = await ownRedis();
  const control = await connect(redis, 200);
  const leases = new RedisLeases({ control, ...NAMES, ...LASTING });
  await redis.pause();
  const take = leases.take('a');
  await expect(take).rejects.toMatchObject({ code: 'store' });
  expect(await isRefused(take)).toBe(false);
  redis.resume();
  // What it was told before it does now.
  await until(async () => (await redis.command('EXISTS', 'test:1:lease:{a}')) === 0);
  await until(() => control.isReady);
  expect((await leases.take('a')).kind).toBe('taken');
});

test('connections to a Redis that hangs are closed at any moment, and none of their errors is of who closes', async () => {
  const redis = await ownRedis();
  const open = await Promise.all(Array.from({ length: 12 }, async () => await connect(redis, 200)));
  await redis.pause();
  await Promise.all(
    open.map(async (control, index) => {
      // The first ones still wait for an answer, the others are between two connections, or in a handshake.
      void control.command('ping', async (client) => await client.ping()).catch(() => undefined);
      await sleep(40 * index);
      await control.close();
    }),
  );
});
