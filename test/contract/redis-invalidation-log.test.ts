import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../cache-server/src/clock.ts';
import type { InvalidationLog } from '../../cache-server/src/generation/invalidation-log.ts';
import { ConnectionErrors } from '../../cache-server/src/store/redis/connection-errors.ts';
import { openRedisControl } from '../../cache-server/src/store/redis/control-connection.ts';
import { RedisInvalidationLog } from '../../cache-server/src/store/redis/redis-invalidation-log.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { describeInvalidationLog } from './invalidation-log-contract.ts';
import { allKeys, until } from './redis-harness.ts';

let redis: RedisFixture;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => await redis.stop());

type Bounds = { readonly eventsMax?: number; readonly bytesMax?: number };

async function open(bounds: Bounds = {}, protocol: 2 | 3 = 3): Promise<InvalidationLog> {
  await redis.command('FLUSHALL', 'SYNC');
  return await openAlso(bounds, protocol);
}

/** Another server's, over what is there. */
async function openAlso(bounds: Bounds = {}, protocol: 2 | 3 = 3): Promise<InvalidationLog> {
  const control = openRedisControl(
    { url: redis.url, keyPrefix: 'pannier-test', commandTimeoutMs: 10_000, protocol },
    {
      errors: new ConnectionErrors(
        () => undefined,
        () => performance.now(),
      ),
      onEvictingPolicy: () => undefined,
    },
  );
  onTestFinished(async () => await control.close());
  await until(() => control.isReady);
  const options = { control, keyPrefix: 'pannier-test', clock: systemClock, random: Math.random };
  return new RedisInvalidationLog({ ...options, ...bounds });
}

const ONE = { kind: 'invalidation', target: { kind: 'tag', value: 'a' }, mode: 'hard' } as const;
const PREFIX = {
  kind: 'invalidation',
  target: { kind: 'prefix', value: 'http://a/' },
  mode: 'soft',
} as const;

describe('the log in Redis, protocol 3', () => {
  describeInvalidationLog(open);
});

describe('the log in Redis, protocol 2', () => {
  describeInvalidationLog(async (bounds) => await open(bounds, 2));
});

describe('the log in Redis by itself', () => {
  test('is one for all servers', async () => {
    const one = await open();
    const other = await openAlso();
    const { position } = await other.snapshot();
    const { events, head } = await one.append([ONE]);
    expect(await other.read(position)).toEqual({ standing: 'continues', head, events });
  });

  test('stands in one slot, under prefix and format version', async () => {
    const log = await open();
    await log.append([ONE, PREFIX]);
    expect(await allKeys(redis)).toEqual(
      ['buckets', 'head', 'log', 'prefixes'].map((name) => `pannier-test:1:{generations}:${name}`),
    );
  });

  test.each(['head', 'log', 'buckets', 'prefixes'])(
    'begins anew when its %s is lost, whichever call comes next',
    async (name) => {
      for (const call of ['append', 'read', 'snapshot'] as const) {
        const log = await open();
        const { head, events } = await log.append([ONE, PREFIX]);
        const last = { ...events[1]!, epoch: head.epoch };
        await redis.command('DEL', `pannier-test:1:{generations}:${name}`);
        if (call === 'append') expect((await log.append([ONE])).head).toMatchObject({ sequence: 1 });
        if (call === 'snapshot') expect((await log.snapshot()).head.epoch).not.toBe(head.epoch);
        expect((await log.read(last)).standing).toBe('other-epoch');
        const { folded, position } = await log.snapshot();
        expect([...folded.prefixes, ...folded.buckets].length).toBe(call === 'append' ? 1 : 0);
        expect(position.sequence).toBe(call === 'append' ? 1 : 0);
      }
    },
  );

  test('is not read at a server that was demoted', async () => {
    const log = await open();
    const { position } = await log.snapshot();
    await redis.replicaOf(1);
    await expect(log.read(position)).rejects.toMatchObject({ code: 'store' });
    await redis.replicaOf('nobody');
    await until(
      async () =>
        await log.read(position).then(
          () => true,
          () => false,
        ),
    );
  });

  test('tells of what it has taken, also where nobody may be woken', async () => {
    const log = await open();
    const { position } = await log.snapshot();
    await redis.command('ACL', 'SETUSER', 'default', 'resetchannels');
    onTestFinished(async () => void (await redis.command('ACL', 'SETUSER', 'default', 'allchannels')));
    const { events, head } = await log.append([ONE]);
    expect(await log.read(position)).toEqual({ standing: 'continues', head, events });
    await log.renew(head.epoch);
    expect((await log.read(position)).standing).toBe('other-epoch');
  });

  test('an event that only a newer version can read may concern everything', async () => {
    const log = await open();
    const { position } = await log.snapshot();
    await log.append([ONE]);
    await redis.command(
      'XADD',
      'pannier-test:1:{generations}:log',
      '2-0',
      'e',
      '{"kind":"planet","value":"x"}',
    );
    await redis.command('HSET', 'pannier-test:1:{generations}:head', 'seq', 2);
    const { events } = await log.read(position);
    expect(events[1]).toMatchObject({ kind: 'invalidation', target: { kind: 'all' }, mode: 'hard' });
  });
});
