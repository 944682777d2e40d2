import { describe, expect, onTestFinished, test } from 'vitest';
import { ConnectionErrors } from '../../cache-server/src/store/redis/connection-errors.ts';
import { openRedisControl } from '../../cache-server/src/store/redis/control-connection.ts';
import { jobConnection } from '../../cache-server/src/store/redis/job-connection.ts';
import type { RedisConnection } from '../../cache-server/src/store/redis/redis-connection.ts';
import type { RedisPlace } from '../../cache-server/src/store/redis/redis-place.ts';
import { startRedisCluster } from '../fixture/redis-cluster.ts';
import { startRedisSentinel } from '../fixture/redis-sentinel.ts';
import { startRedis } from '../fixture/redis-server.ts';
import { until } from './redis-harness.ts';

describe('the connection for control', () => {
  test('is the Redis for data, or one of its own where there is one', async () => {
    await using data = await startRedis();
    await using control = await startRedis();
    const together = await opened({ url: data.url });
    const apart = await opened({ url: data.url, control: { url: control.url } });
    await together.command('set', async (redis) => await redis.set('together', '1'));
    await apart.command('set', async (redis) => await redis.set('apart', '1'));
    expect(String(await data.command('KEYS', '*'))).toBe('together');
    expect(String(await control.command('KEYS', '*'))).toBe('apart');
  });

  test('is complained of once when it may evict, and not where it may not', async () => {
    await using evicting = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lfu'] });
    await using keeping = await startRedis();
    const policies: string[] = [];
    await opened({ url: evicting.url }, (policy) => policies.push(policy));
    await until(() => policies.length > 0);
    await opened({ url: keeping.url }, (policy) => policies.push(policy));
    await evicting.restart();
    expect(policies).toEqual(['allkeys-lfu']);
  });
});

describe('a channel', () => {
  test('is heard again after Redis was away', async () => {
    await using redis = await startRedis();
    await hears(await opened({ url: redis.url }), async () => await redis.restart());
  });

  test('is heard again after another master was appointed', async () => {
    await using under = await startRedisSentinel();
    const connection = await opened({ sentinel: under });
    await hears(connection, async () => await (await under.master()).kill9());
  });

  test('is heard in a cluster whichever node is told, and after one has gone', async () => {
    await using cluster = await startRedisCluster();
    const connection = await opened({ cluster: cluster.urls });
    await hears(connection, async () => await cluster.nodes[0]!.kill9());
    const heard: string[] = [];
    connection.subscribe('from any', (message) => heard.push(message));
    for (const node of cluster.nodes.slice(1))
      await until(async () => {
        await node.command('PUBLISH', 'from any', node.port);
        return heard.includes(String(node.port));
      });
  });

  test('is no longer heard once nobody listens', async () => {
    await using redis = await startRedis();
    const connection = await opened({ url: redis.url });
    const heard: string[] = [];
    const end = connection.subscribe('a', (message) => heard.push(`first ${message}`));
    const endOther = connection.subscribe('a', (message) => heard.push(`second ${message}`));
    await until(async () => (await redis.command('PUBLISH', 'a', '1')) === 1);
    await until(() => heard.length >= 2);
    end();
    await redis.command('PUBLISH', 'a', '2');
    await until(() => heard.includes('second 2'));
    expect(heard).not.toContain('first 2');
    endOther();
    await until(async () => (await redis.command('PUBLISH', 'a', '3')) === 0);
  });
});

describe('the connection for jobs', () => {
  test('is a client of the Redis for control, of whichever kind, that waits without an end', async () => {
    await using cluster = await startRedisCluster();
    await using redis = await startRedis();
    const config = { keyPrefix: 'p', commandTimeoutMs: 1_000, protocol: 3 } as const;
    for (const place of [{ url: redis.url }, { url: redis.url, control: { cluster: cluster.urls } }]) {
      const { client, prefix } = jobConnection({ ...config, ...place });
      await until(() => client.status === 'ready');
      expect(await client.set(`${prefix}:a`, 'job')).toBe('OK');
      expect(prefix).toBe('{p:1:jobs}');
      client.disconnect();
    }
  });
});

async function opened(
  place: RedisPlace & { control?: RedisPlace },
  onEvictingPolicy: (policy: string) => void = () => undefined,
): Promise<RedisConnection> {
  const connection = openRedisControl(
    { keyPrefix: 'p', commandTimeoutMs: 1_000, protocol: 3, ...place },
    { errors: new ConnectionErrors(undefined, () => 0), onEvictingPolicy },
  );
  onTestFinished(async () => await connection.close());
  await until(() => connection.isReady);
  return connection;
}

/** Publishes until it is heard, breaks something, and does so again. */
async function hears(connection: RedisConnection, breaks: () => Promise<unknown>): Promise<void> {
  const heard: string[] = [];
  connection.subscribe('news', (message) => heard.push(message));
  const isHeard = async (message: string): Promise<boolean> => {
    await connection.command('publish', async (redis) => await redis.publish('news', message)).catch(() => 0);
    return heard.includes(message);
  };
  await until(async () => await isHeard('before'));
  await breaks();
  await until(async () => await isHeard('after'));
}
