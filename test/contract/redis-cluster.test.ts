import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { RedisStore } from '../../cache-server/src/store/redis-store.ts';
import { startRedisCluster } from '../fixture/redis-cluster.ts';
import type { ClusterFixture } from '../fixture/redis-cluster.ts';
import { entryStoreContract } from './entry-store-contract.ts';
import { allKeys, connectStore, openOnEmptied, until } from './redis-harness.ts';
import { LONG_MS, SCOPE, digest, frame, key, listAll, manifest } from './store-harness.ts';

let cluster: ClusterFixture;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(async () => await cluster.stop());

entryStoreContract('the Redis store on a cluster', async () => {
  // One address is enough: the nodes name each other.
  return await openOnEmptied(await cluster.masters(), { cluster: cluster.urls.slice(0, 1) });
});

const numbers = (count: number): string[] => Array.from({ length: count }, (_none, index) => String(index));

describe('the Redis store on a cluster by itself', () => {
  test('frames and manifests spread over all masters, and each is found', async () => {
    await cluster.onMasters('FLUSHALL', 'SYNC');
    const store = await connected();
    const names = numbers(60);
    await store.writeFrames(
      SCOPE,
      names.map((name) => frame(name, Buffer.from(name))),
      LONG_MS,
    );
    for (const name of names) await store.writeManifest(key(name), manifest(name, '1'));
    for (const master of await cluster.masters()) expect((await allKeys(master)).length).toBeGreaterThan(10);
    expect((await store.readFrames(SCOPE, names.map(digest))).map(String)).toEqual(names);
    expect((await listAll(store, '')).length).toBe(60);
    expect((await store.stats()).bytes).toBeGreaterThan(1_000_000);
  });

  test('a slot that moves to another node is followed', async () => {
    const store = await connected();
    await store.writeManifest(key('moved'), manifest('before', '1'));
    const name = `pannier-test:1:manifest:{${key('moved')}}`;
    const from = await cluster.masterOf(name);
    const [to] = (await cluster.masters()).filter((node) => node !== from);
    await moveSlotOf(name, from, to!);
    await until(async () => String(await store.readManifest(key('moved')).catch(() => '')) === 'before');
    expect(await store.writeManifest(key('moved'), manifest('after', '2', { ifVersion: '1' }))).toBe(true);
    expect((await allKeys(to!)).includes(name)).toBe(true);
  });

  test('scripts that a node has forgotten are sent again', async () => {
    const store = await connected();
    await store.writeManifest(key('scripted'), manifest('a', '1'));
    await cluster.onMasters('SCRIPT', 'FLUSH');
    const frames = numbers(30).map((name) => frame(name));
    await store.writeFrames(SCOPE, frames, LONG_MS);
    await cluster.onMasters('SCRIPT', 'FLUSH');
    expect(await store.extendFrames(SCOPE, numbers(30).map(digest), LONG_MS)).not.toContain(false);
    expect(await store.writeManifest(key('scripted'), manifest('b', '2', { ifVersion: '1' }))).toBe(true);
  });

  // The last one: it leaves the cluster without a node.
  test('a master that is killed is replaced by its replica, and the store serves again by itself', async () => {
    const store = await connected(1_000);
    const victim = await cluster.masterOf(`pannier-test:1:manifest:{${key('a')}}`);
    const names = numbers(30).map((name) => `failover ${name}`);
    const useAll = async (): Promise<boolean> => {
      const calls = [key('a'), ...names.map(key)].map(
        async (one) => await store.writeManifest(one, manifest('x', '1')),
      );
      const frames = names.map(async (name) => await store.writeFrames(SCOPE, [frame(name)], LONG_MS));
      const outcomes = await Promise.allSettled([...calls, ...frames]);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'store' });
      return outcomes.every(({ status }) => status === 'fulfilled');
    };
    expect(await useAll()).toBe(true);
    await victim.kill9();
    expect(await useAll()).toBe(false);
    await until(useAll);
    // What the others have was there all along; what the replica took over is there again.
    await until(async () => (await store.extendFrames(SCOPE, names.map(digest), LONG_MS)).every(Boolean));
    await victim.restart();
    await until(useAll);
  });
});

async function connected(commandTimeoutMs = 10_000): Promise<RedisStore> {
  const store = await connectStore(cluster.nodes[0]!, { cluster: cluster.urls, commandTimeoutMs });
  onTestFinished(async () => await store.close());
  return store;
}

async function moveSlotOf(
  name: string,
  from: ClusterFixture['nodes'][number],
  to: ClusterFixture['nodes'][number],
): Promise<void> {
  const slot = Number(await from.command('CLUSTER', 'KEYSLOT', name));
  const [fromId, toId] = [await from.command('CLUSTER', 'MYID'), await to.command('CLUSTER', 'MYID')].map(
    String,
  );
  await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId!);
  await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId!);
  const names = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as Buffer[];
  await from.command('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...names);
  for (const node of [to, from]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId!);
}
