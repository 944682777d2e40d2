/** How servers share an upstream over a real Redis: what they report, what they are granted. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ConnectionErrors } from '../../cache-server/src/store/redis/connection-errors.ts';
import { openRedisControl } from '../../cache-server/src/store/redis/control-connection.ts';
import type { RedisConnection } from '../../cache-server/src/store/redis/redis-connection.ts';
import { RedisUpstreamSlots } from '../../cache-server/src/store/redis/redis-upstream-slots.ts';
import type { ProtectionShare } from '../../cache-server/src/upstream/protection/protection-share.ts';
import { eventually } from '../fixture/eventually.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';

let redis: RedisFixture;
let control: RedisConnection;

beforeAll(async () => {
  redis = await startRedis();
  control = openRedisControl(
    { url: redis.url, keyPrefix: 'test', commandTimeoutMs: 5000, protocol: 3 },
    { errors: new ConnectionErrors(undefined, () => 0), onEvictingPolicy: () => undefined },
  );
  await eventually(() => expect(control.isReady).toBe(true));
});
beforeEach(async () => await redis.flushAll());
afterAll(async () => {
  await control.close();
  await redis.stop();
});

function server(reportLeaseMs = 60_000): ProtectionShare {
  return new RedisUpstreamSlots({ control, keyPrefix: 'test', reportLeaseMs, serverSeenMs: 60_000 });
}

const idle = {
  upstream: 'api',
  running: 0,
  waiting: 0,
  waitedMs: 0,
  concurrencyMax: undefined,
  rate: undefined,
};

test('whatever servers report, together they never run more than the cap, and room is given to who waits', async () => {
  const steps = fc.array(
    fc.record({
      who: fc.nat({ max: 2 }),
      does: fc.constantFrom('come', 'end', 'ask'),
      count: fc.integer({ min: 1, max: 4 }),
    }),
    { maxLength: 40 },
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 6 }), steps, async (concurrencyMax, walk) => {
      await redis.flushAll();
      const servers = [server(), server(), server()].map((share) => ({ share, running: 0, waiting: 0 }));
      const ask = async (one: (typeof servers)[number]): Promise<void> => {
        const { running, waiting } = one;
        const { granted } = await one.share.report({ ...idle, running, waiting, concurrencyMax });
        expect(granted).toBeLessThanOrEqual(waiting);
        one.running += granted;
        one.waiting -= granted;
      };
      for (const { who, does, count } of walk) {
        const one = servers[who]!;
        if (does === 'come') one.waiting += count;
        if (does === 'end') one.running = Math.max(0, one.running - count);
        await ask(one);
        const running = servers.reduce((sum, other) => sum + other.running, 0);
        expect(running).toBeLessThanOrEqual(concurrencyMax);
      }
      // Everybody has his turn, however they stand in each other's way.
      for (let round = 0; servers.some(({ waiting }) => waiting > 0); round += 1) {
        expect(round).toBeLessThan(200);
        for (const one of servers) {
          one.running = 0;
          await ask(one);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test('a freed slot is for the server whose first has waited longest', async () => {
  const [holder, early, late] = [server(), server(), server()];
  const one = { ...idle, concurrencyMax: 1 };
  expect(await holder.report({ ...one, waiting: 1 })).toMatchObject({ granted: 1 });
  expect(await early.report({ ...one, waiting: 1, waitedMs: 900 })).toMatchObject({ granted: 0 });
  expect(await late.report({ ...one, waiting: 1, waitedMs: 10 })).toMatchObject({ granted: 0 });
  await holder.report(one);
  expect(await late.report({ ...one, waiting: 1, waitedMs: 20 })).toMatchObject({ granted: 0 });
  expect(await early.report({ ...one, waiting: 1, waitedMs: 910 })).toMatchObject({ granted: 1 });
});

test('what a server held that is heard of no more comes back when its lease ends', async () => {
  const [dead, alive] = [server(300), server()];
  const two = { ...idle, concurrencyMax: 2 };
  expect(await dead.report({ ...two, waiting: 2 })).toMatchObject({ granted: 2 });
  expect(await alive.report({ ...two, waiting: 1 })).toMatchObject({ granted: 0 });
  await eventually(async () =>
    expect(await alive.report({ ...two, waiting: 1 })).toMatchObject({ granted: 1 }),
  );
});

test('what Redis forgot is known again with the next report of whoever has it under way', async () => {
  const [one, other] = [server(), server()];
  const two = { ...idle, concurrencyMax: 2 };
  await one.report({ ...two, waiting: 2 });
  await redis.flushAll();
  await one.report({ ...two, running: 2 });
  expect(await other.report({ ...two, waiting: 1 })).toMatchObject({ granted: 0 });
});

test('a rate is one for all, and says when the next may come', async () => {
  const rate = { requests: 1, per: 60_000, burst: 3 };
  const [one, other] = [server(), server()];
  expect(await one.report({ ...idle, rate, waiting: 2 })).toMatchObject({ granted: 2 });
  const { granted, retryInMs } = await other.report({ ...idle, rate, waiting: 2 });
  expect(granted).toBe(1);
  expect(retryInMs).toBeGreaterThan(30_000);
  expect(retryInMs).toBeLessThanOrEqual(60_000);
});

test('peace is told to all until it is over, and servers are counted', async () => {
  const [one, other] = [server(), server()];
  await one.pause({ upstream: 'api', leftMs: 60_000, status: 429 });
  await one.pause({ upstream: 'api', leftMs: 1000, status: 503 });
  await one.pause({ upstream: 'other', leftMs: 1, status: 503 });
  expect((await one.beat()).servers).toBe(1);
  await eventually(async () => {
    const { servers, pauses } = await other.beat();
    expect(servers).toBe(2);
    expect(pauses).toEqual([{ upstream: 'api', leftMs: expect.any(Number) as number, status: 429 }]);
    expect(pauses[0]?.leftMs).toBeGreaterThan(50_000);
  });
});
