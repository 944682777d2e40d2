/** The log in a Redis whose memory is full, and over what other versions have written. */
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../cache-server/src/clock.ts';
import { LOG_FULL_SHARE } from '../../cache-server/src/generation/invalidation-log.ts';
import type { LogPosition, NewEvent } from '../../cache-server/src/generation/invalidation-log.ts';
import { ConnectionErrors } from '../../cache-server/src/store/redis/connection-errors.ts';
import { openRedisControl } from '../../cache-server/src/store/redis/control-connection.ts';
import { RedisInvalidationLog } from '../../cache-server/src/store/redis/redis-invalidation-log.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { until } from './redis-harness.ts';

const LOG = 'pannier-test:1:{generations}:log';
const HEAD = 'pannier-test:1:{generations}:head';
const BYTES_MAX = 800_000;

async function start(
  bytesMax = BYTES_MAX,
): Promise<{ redis: RedisFixture; log: RedisInvalidationLog; from: LogPosition }> {
  const redis = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
  const errors = new ConnectionErrors(
    () => undefined,
    () => performance.now(),
  );
  const control = openRedisControl(
    { url: redis.url, keyPrefix: 'pannier-test', commandTimeoutMs: 10_000, protocol: 3 },
    { errors, onEvictingPolicy: () => undefined },
  );
  onTestFinished(async () => {
    await control.close();
    await redis.stop();
  });
  await until(() => control.isReady);
  const options = { control, keyPrefix: 'pannier-test', clock: systemClock, random: Math.random };
  const log = new RedisInvalidationLog({ ...options, bytesMax });
  return { redis, log, from: (await log.snapshot()).position };
}

function purge(value: string): NewEvent {
  return { kind: 'invalidation', target: { kind: 'tag', value: value.padEnd(300, 'x') }, mode: 'hard' };
}

async function purgeOften(log: RedisInvalidationLog, calls: number): Promise<void> {
  for (let call = 0; call < calls; call += 1)
    await log.append(Array.from({ length: 100 }, (_none, at) => purge(`${call} ${at}`)));
}

test('purges go on while memory is full, and the log gives memory back until others have some', async () => {
  const { redis, log, from } = await start();
  await purgeOften(log, 30);
  await log.read(from);
  expect(log.size.bytes).toBeGreaterThan(BYTES_MAX * 0.9);
  await redis.configSet('maxmemory', 1);
  await expect(redis.command('SET', 'others', 'x')).rejects.toThrow('OOM');
  const before = (await log.snapshot()).head.sequence;
  for (let at = 0; at < 5; at += 1) await log.append([purge(`full ${at}`)]);
  const { head, position } = await log.snapshot();
  expect(head.sequence).toBe(before + 5);
  const { events } = await log.read(position);
  expect(events.slice(-5).map((event) => event.kind === 'invalidation' && event.target)).toEqual(
    Array.from({ length: 5 }, (_none, at) => ({ kind: 'tag', value: `full ${at}`.padEnd(300, 'x') })),
  );
  expect(log.size.bytes).toBeLessThanOrEqual(BYTES_MAX * LOG_FULL_SHARE);
  expect(log.size.events).toBeGreaterThan(100);
  await redis.configSet('maxmemory', 0);
  await purgeOften(log, 20);
  await log.read(from);
  expect(log.size.bytes).toBeGreaterThan(BYTES_MAX / 2);
});

test('what a server of a former version wrote goes before anything else, and the size is right again', async () => {
  const { redis, log, from } = await start();
  for (let sequence = 1; sequence <= 3000; sequence += 1) {
    await redis.command('XADD', LOG, `${sequence}-0`, 'e', '{"kind":"tag","value":"a","mode":"hard"}');
  }
  await redis.command('HSET', HEAD, 'seq', 3000);
  const { events: old } = await log.read(from);
  expect(old[0]).toMatchObject({ sequence: 1, target: { value: 'a' } });
  // In steps.
  for (let call = 0; call < 3; call += 1) await log.append([purge('new')]);
  const { position, head } = await log.snapshot();
  expect([position.sequence, head.sequence]).toEqual([3001, 3003]);
  // In the middle of what is new it stays, until its turn comes.
  await redis.command('XADD', LOG, '3004-0', 'e', '{"kind":"tag","value":"a","mode":"hard"}');
  await redis.command('HSET', HEAD, 'seq', 3004);
  await log.append([purge('new')]);
  expect((await log.read(position)).events.map(({ sequence }) => sequence)).toEqual([3002, 3003, 3004, 3005]);
  expect(log.size.events).toBe(5);
  await purgeOften(log, 30);
  await log.read(position);
  const { events } = await log.read((await log.snapshot()).position);
  const perEvent = log.size.bytes / log.size.events;
  expect(perEvent).toBeGreaterThan(300);
  expect(perEvent).toBeLessThan(500);
  expect(events.length).toBeGreaterThan(100);
});

test('a page has about as many bytes as can be read in one go', async () => {
  const { log, from } = await start(100 * BYTES_MAX);
  const names = Array.from({ length: 100 }, (_none, at) => `${at}`.padEnd(80, 'x'));
  const published = { dataset: 'd', version: '2', formerVersion: '1', changed: names, removed: names };
  for (let call = 0; call < 10; call += 1)
    await log.append(Array.from({ length: 20 }, (): NewEvent => ({ kind: 'publication', published })));
  const { events } = await log.read(from);
  expect(events.length).toBeGreaterThan(50);
  expect(events.length).toBeLessThan(150);
});
