import { describe, expect, onTestFinished, test } from 'vitest';
import type { RedisStore } from '../../cache-server/src/store/redis-store.ts';
import { startRedis } from '../fixture/redis-server.ts';
import { portForward } from '../fixture/port-forward.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
import { allKeys, connectStore, keysWithoutTtl, openStore, until } from './redis-harness.ts';
import { LONG_MS, SCOPE, digest, frame, key, manifest } from './store-harness.ts';

/** 20 ms for each key, and a look at its clients after each: so that a load takes as long as clients need to see it. */
const SLOW_LOAD = [
  ['--key-load-delay', '20000'],
  ['--loading-process-events-interval-bytes', '1024'],
  ['--rdbcompression', 'no'],
].flat();

describe('a Redis that refuses', () => {
  test('for want of memory: writes fail by name, what is there stays and is served', async () => {
    const redis = await ownRedis(['--maxmemory-policy', 'noeviction']);
    const store = await ownStore(redis);
    await store.writeManifest(key('before'), manifest('before', 'v1'));
    await store.writeFrames(SCOPE, [frame('before', Buffer.from('before'))], LONG_MS);
    await redis.command('CONFIG', 'SET', 'maxmemory', '4mb');
    const large = Array.from({ length: 40 }, (_none, index) => frame(String(index), Buffer.alloc(200_000)));
    await expect(store.writeFrames(SCOPE, large, LONG_MS)).rejects.toMatchObject(refusal('OOM'));
    // What a refused pipeline held is given back at a time of Redis's own choosing; this limit is passed either way.
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(store.writeManifest(key('before'), manifest('x', 'v2'))).rejects.toMatchObject(
      refusal('OOM'),
    );
    expect(await store.writeManifest(key('before'), manifest('x', 'v2', { ifVersion: 'v0' }))).toBe(false);
    expect(String(await store.readManifest(key('before')))).toBe('before');
    expect((await store.readFrames(SCOPE, [digest('before')])).map(String)).toEqual(['before']);
    expect(await keysWithoutTtl(redis)).toEqual([]);
    await redis.command('CONFIG', 'SET', 'maxmemory', '200mb');
    await store.writeFrames(SCOPE, large, LONG_MS);
    expect(await store.writeManifest(key('before'), manifest('x', 'v2', { ifVersion: 'v1' }))).toBe(true);
  });

  test('because it became a replica: writes fail by name, reads go on, and it is used again when promoted', async () => {
    const [primary, redis] = await Promise.all([ownRedis(), ownRedis()]);
    const store = await ownStore(redis);
    await redis.command('REPLICAOF', '127.0.0.1', primary.port);
    const write = async (): Promise<boolean> => await store.writeManifest(key('a'), manifest('a', '1'));
    await until(async () => (await errorOf(write())).includes('READONLY'));
    await until(async () => (await errorOf(store.readManifest(key('a')))) === '');
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await until(async () => (await errorOf(write())) === '');
    expect(String(await store.readManifest(key('a')))).toBe('a');
  });

  test('because it was demoted: the store follows the name to the server that took its place', async () => {
    const [demoted, promoted] = await Promise.all([ownRedis(), ownRedis()]);
    const name = await portForward(demoted.port);
    onTestFinished(async () => await name.close());
    const store = await ownStore({ ...demoted, url: `redis://127.0.0.1:${name.port}` });
    name.leadTo(promoted.port);
    // Connections to the demoted one stay open, and it goes on to answer.
    await demoted.command('REPLICAOF', '127.0.0.1', promoted.port);
    await until(async () => (await errorOf(store.writeManifest(key('a'), manifest('a', '1')))) === '');
    await until(async () => (await errorOf(store.writeFrames(SCOPE, [frame('a')], LONG_MS))) === '');
    expect((await allKeys(promoted)).length).toBe(2);
  });

  test('while it loads its data on a connection that is open: calls fail by name', async () => {
    const atOnce = ['--repl-diskless-sync-delay', '0', '--rdbcompression', 'no'];
    const [primary, redis] = await Promise.all([ownRedis(atOnce), ownRedis(SLOW_LOAD)]);
    const store = await ownStore(redis);
    for (let index = 0; index < 100; index += 1)
      await primary.command('SET', `key ${index}`, 'x'.repeat(2_000));
    await redis.command('REPLICAOF', '127.0.0.1', primary.port);
    await until(async () => (await errorOf(store.readManifest(key('a')))).includes('LOADING'));
    await until(async () => (await errorOf(store.readManifest(key('a')))) === '');
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await until(async () => (await errorOf(store.writeManifest(key('a'), manifest('a', '1')))) === '');
  });

  test('while it loads its data at its start: the store waits and then serves what is there', async () => {
    const redis = await ownRedis(SLOW_LOAD);
    const store = await ownStore(redis);
    await store.writeManifest(key('kept'), manifest('kept', '1'));
    for (let index = 0; index < 100; index += 1)
      await redis.command('SET', `key ${index}`, 'x'.repeat(2_000));
    await redis.command('SAVE');
    await redis.restart();
    await expect(redis.command('GET', 'key 0')).rejects.toThrow('LOADING');
    await until(async () => String(await store.readManifest(key('kept')).catch(() => '')) === 'kept');
  });

  test('the password: calls fail by name, without a word of the password', async () => {
    const redis = await ownRedis(['--requirepass', 'open sesame']);
    const url = `redis://:not-this-one@127.0.0.1:${redis.port}`;
    const store = openStore(redis, { url });
    onTestFinished(async () => await store.close());
    await until(() => store.connectionErrors > 2);
    const message = await errorOf(store.readManifest(key('a')));
    expect(message).toMatch(/WRONGPASS|NOAUTH|not ready/);
    expect(message).not.toContain('not-this-one');
  });
});

describe('a Redis with foreign values under our names', () => {
  test('a manifest of another type is an error by name, and can be deleted', async () => {
    const redis = await ownRedis();
    const store = await ownStore(redis);
    await store.writeManifest(key('a'), manifest('a', '1'));
    const [name] = await allKeys(redis);
    await redis.command('SET', name!, 'not a hash', 'PX', LONG_MS);
    await expect(store.readManifest(key('a'))).rejects.toMatchObject(refusal('WRONGTYPE'));
    await expect(store.writeManifest(key('a'), manifest('a', '2'))).rejects.toMatchObject(
      refusal('WRONGTYPE'),
    );
    expect(await store.deleteManifest(key('a'))).toBe(true);
    expect(await store.writeManifest(key('a'), manifest('a', '2'))).toBe(true);
  });

  test('a frame of another type is an error by name', async () => {
    const redis = await ownRedis();
    const store = await ownStore(redis);
    await store.writeFrames(SCOPE, [frame('a'), frame('b')], LONG_MS);
    const name = (await allKeys(redis)).find((one) => one.includes(digest('a').toString('hex')));
    await redis.command('DEL', name!);
    await redis.command('LPUSH', name!, 'not bytes');
    await expect(store.readFrames(SCOPE, ['a', 'b'].map(digest))).rejects.toMatchObject(refusal('WRONGTYPE'));
    expect((await store.readFrames(SCOPE, [digest('b')]))[0]).toBeDefined();
  });

  test('a hash that is no manifest is a miss', async () => {
    const redis = await ownRedis();
    const store = await ownStore(redis);
    await redis.command('HSET', 'pannier-test:1:manifest:{x}', 'other', 'field');
    expect(await store.readManifest('x')).toBeUndefined();
    expect(await store.writeManifest('x', manifest('x', '1', { ifVersion: '1' }))).toBe(false);
    expect(await store.writeManifest('x', manifest('x', '1'))).toBe(true);
  });

  test('an error carries no bytes of what was sent', async () => {
    const redis = await ownRedis();
    const store = await ownStore(redis);
    await redis.command('SET', 'pannier-test:1:manifest:{x}', 'not a hash');
    const error: unknown = await store
      .writeManifest('x', manifest('secret', '1'))
      .catch((thrown: unknown) => thrown);
    expect((error as Error).cause).toBeInstanceOf(Error);
    expect((error as Error).cause).not.toHaveProperty('command');
  });
});

async function ownRedis(args: readonly string[] = []): Promise<RedisFixture> {
  const redis = await startRedis({ args });
  onTestFinished(async () => await redis.stop());
  return redis;
}

async function ownStore(redis: RedisFixture): Promise<RedisStore> {
  const store = await connectStore(redis);
  onTestFinished(async () => await store.close());
  return store;
}

function refusal(reply: string): { code: string; message: unknown } {
  return { code: 'store', message: expect.stringContaining(reply) as unknown };
}

/** The message that a call rejects with, or '' when it does not. */
async function errorOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return '';
  } catch (error) {
    expect(error).toMatchObject({ code: 'store' });
    return (error as Error).message;
  }
}
