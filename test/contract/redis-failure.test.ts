import { describe, expect, onTestFinished, test } from 'vitest';
import type { EntryStore } from '../../cache-server/src/store/entry-store.ts';
import { startRedis } from '../fixture/redis-server.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { freePort } from '../fixture/free-port.ts';
import { connectStore, openStore, until } from './redis-harness.ts';
import { LONG_MS, SCOPE, digest, frame, key, manifest } from './store-harness.ts';

/** Short, so that what is never answered is soon given up. */
const DEADLINE_MS = 300;

describe('a Redis that is away', () => {
  test('does not keep the store from starting: calls reject until it is there', async () => {
    const errors: string[] = [];
    const port = await freePort();
    const store = openStore(
      { url: `redis://127.0.0.1:${port}` },
      {
        onError: (error, count) => errors.push(`${count} ${error.message}`),
      },
    );
    onTestFinished(async () => await store.close());
    await until(() => store.connectionErrors >= 4);
    for (const call of everyCall(store)) {
      await expect(call).rejects.toMatchObject({
        code: 'store',
        message: expect.stringContaining('ECONNREFUSED') as unknown,
      });
    }
    expect(store.isReady).toBe(false);
    // Two connections that try several times a second, and one line about it.
    expect(errors).toEqual([expect.stringMatching(/^1 .*ECONNREFUSED/)]);
  });

  test('and never comes does not keep the store from closing', async () => {
    const store = openStore({ url: `redis://127.0.0.1:${await freePort()}` });
    await until(() => store.connectionErrors > 0);
    await store.close();
    await openStore({ url: `redis://127.0.0.1:${await freePort()}` }).close();
  });

  test('and killed under load fails every call, and serves again when it is back', async () => {
    const redis = await ownRedis();
    const store = await ownStore(redis);
    const calls = Array.from({ length: 50 }, () => everyCall(store)).flat();
    const settled = Promise.allSettled(calls);
    await redis.kill9();
    for (const outcome of await settled) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'store' });
    }
    await expectEveryCallToFail(store);
    await redis.restart();
    await expectToServe(store);
  });

  test('and restarted between two calls is found again', async () => {
    const redis = await ownRedis();
    const store = await ownStore(redis);
    for (let round = 0; round < 3; round += 1) {
      await redis.restart();
      await expectToServe(store);
    }
  });
});

describe('a Redis that says nothing', () => {
  test('is given up after the deadline, and used again when it goes on', async () => {
    const redis = await ownRedis();
    const store = await ownStore(redis);
    await redis.pause();
    await expectEveryCallToFail(store);
    await expectEveryCallToFail(store);
    redis.resume();
    await expectToServe(store);
  });

  test('in the middle of a large write fails the write', async () => {
    const redis = await ownRedis();
    const store = await ownStore(redis);
    const frames = Array.from({ length: 64 }, (_none, index) =>
      frame(String(index), Buffer.alloc(1024 * 1024, index)),
    );
    const written = store.writeFrames(SCOPE, frames, LONG_MS);
    await Promise.all([expect(written).rejects.toMatchObject({ code: 'store' }), redis.pause()]);
    redis.resume();
    await expectToServe(store);
    // On a busy machine a batch may take longer than the short deadline; what was written is not written again.
    await until(async () => await succeeds(store.writeFrames(SCOPE, frames, LONG_MS)));
    const patient = await connectStore(redis);
    onTestFinished(async () => await patient.close());
    const read = await patient.readFrames(
      SCOPE,
      frames.map((one) => one.digest),
    );
    for (const [index, one] of read.entries()) expect(one!.equals(frames[index]!.frame)).toBe(true);
  });

  test('collects no commands: once silent, it is not asked until it has answered', async () => {
    const redis = await ownRedis();
    const store = await ownStore(redis);
    await redis.pause();
    await expect(store.readManifest(key('a'))).rejects.toThrow('no answer');
    await until(() => !store.isReady);
    await expect(store.readManifest(key('a'))).rejects.toThrow('the Redis for data does not answer');
    redis.resume();
    await expectToServe(store);
  });

  test('because its clients are paused is given up as well', async () => {
    const redis = await ownRedis();
    const store = await ownStore(redis);
    await redis.command('CLIENT', 'PAUSE', 1_500, 'ALL');
    await expectEveryCallToFail(store);
    await expectToServe(store);
  });

  test('when the first connection is made is found when it goes on', async () => {
    const redis = await ownRedis();
    await redis.pause();
    const store = openStore(redis, { commandTimeoutMs: DEADLINE_MS });
    onTestFinished(async () => await store.close());
    await until(() => store.connectionErrors > 2);
    await expectEveryCallToFail(store);
    redis.resume();
    await expectToServe(store);
  });
});

async function ownRedis(args: readonly string[] = []): Promise<RedisFixture> {
  const redis = await startRedis({ args });
  onTestFinished(async () => await redis.stop());
  return redis;
}

async function ownStore(redis: RedisFixture): Promise<Awaited<ReturnType<typeof connectStore>>> {
  const store = await connectStore(redis, { commandTimeoutMs: DEADLINE_MS });
  onTestFinished(async () => await store.close());
  return store;
}

async function succeeds(call: Promise<unknown>): Promise<boolean> {
  return await call.then(
    () => true,
    () => false,
  );
}

/** One call of each method. */
function everyCall(store: EntryStore): Promise<unknown>[] {
  return [
    store.readManifest(key('a')),
    store.writeManifest(key('a'), manifest('a', '1')),
    store.deleteManifest(key('b')),
    store.readFrames(SCOPE, [digest('a')]),
    store.writeFrames(SCOPE, [frame('a')], LONG_MS),
    store.extendFrames(SCOPE, [digest('a')], LONG_MS),
    store.releaseFrames(SCOPE, [digest('b')], { keptMs: 2 * LONG_MS, graceMs: LONG_MS }),
    store.listKeys({ contains: '', cursor: '', limit: 10 }),
    store.stats(),
  ];
}

async function expectEveryCallToFail(store: EntryStore): Promise<void> {
  for (const outcome of await Promise.allSettled(everyCall(store))) {
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { code: 'store', name: 'CacheServerError' },
    });
  }
}

/** Polls until every call succeeds; nothing else is done to bring the store back. */
async function expectToServe(store: EntryStore): Promise<void> {
  await until(async () => {
    const outcomes = await Promise.allSettled(everyCall(store));
    return outcomes.every(({ status }) => status === 'fulfilled');
  });
}
