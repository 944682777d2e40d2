import { describe, expect, it } from 'vitest';
import { parseConfig } from './config-source.ts';
import type { Environment } from './environment.ts';
import type { Config } from './schema.ts';

function redis(text: string, env: Environment = {}): Config['server']['redis'] {
  return parseConfig(`server:\n  redis: ${text}\n`, { env }).server.redis;
}

describe('the Redis of the config', () => {
  it('is one server, sentinels or a cluster, with defaults for the rest', () => {
    expect(redis('{url: "redis://cache:6379/2"}')).toEqual({
      url: 'redis://cache:6379/2',
      keyPrefix: 'pannier',
      commandTimeoutMs: 1000,
      protocol: 3,
      memoryTierBytesMax: 64 * 1024 * 1024,
    });
    const sentinel = { name: 'main', nodes: ['a:26379', '10.0.0.1', '[::1]:26379'] };
    expect(redis(`{sentinel: ${JSON.stringify(sentinel)}}`)?.sentinel).toEqual(sentinel);
    const cluster = ['redis://a:7000', 'redis://user:secret@b:7001'];
    expect(redis(`{cluster: ${JSON.stringify(cluster)}, memoryTierBytesMax: 0}`)).toMatchObject({
      cluster,
      memoryTierBytesMax: 0,
    });
  });

  it('may be told by the environment, the Redis for control too', () => {
    const env = {
      PANNIER_SERVER_REDIS_CLUSTER: 'redis://a:7000, redis://b:7000',
      PANNIER_SERVER_REDIS_CONTROL_SENTINEL_NAME: 'main',
      PANNIER_SERVER_REDIS_CONTROL_SENTINEL_NODES: 'a:26379,b:26379',
      PANNIER_SERVER_REDIS_CONTROL_USERNAME: 'pannier',
    };
    expect(parseConfig('', { env }).server.redis).toMatchObject({
      cluster: ['redis://a:7000', 'redis://b:7000'],
      control: { sentinel: { name: 'main', nodes: ['a:26379', 'b:26379'] }, username: 'pannier' },
    });
  });

  it.each([
    ['{keyPrefix: a}', /server\.redis: found a mapping of keys, expected exactly one of url, sentinel and c/],
    ['{url: "redis://a", cluster: ["redis://b"]}', /server\.redis: .* exactly one of url, sentinel and clu/],
    [
      '{url: "redis://a", control: {}}',
      /server\.redis\.control: .* exactly one of url, sentinel and cluster/,
    ],
    ['{url: "http://a"}', /server\.redis\.url: found "http:\/\/a", expected a redis:\/\/ or rediss:\/\/ URL/],
    ['{url: "redis://a", tls: {}}', /server\.redis\.url: found "redis:\/\/a", expected a rediss:\/\/ URL be/],
    [
      '{url: "redis://:pw@a", passwordFile: f}',
      /redis\.url: found "redis:\/\/\*\*\*@a", expected a URL with/,
    ],
    [
      '{url: "rediss://a", tls: {cert: c.pem}}',
      /server\.redis\.tls: .* expected cert and key together, or n/,
    ],
    [
      '{cluster: []}',
      /server\.redis\.cluster: found an empty list, expected at least one redis:\/\/ or redi/,
    ],
    ['{cluster: ["redis://a/3"]}', /redis\.cluster\.0: found "redis:\/\/a\/3", expected a URL without a dat/],
    [
      '{sentinel: {name: main, nodes: ["redis://a"]}}',
      /sentinel\.nodes\.0: .* expected a sentinel as host:p/,
    ],
    ['{sentinel: {nodes: [a]}}', /server\.redis\.sentinel\.name: is required/],
    ['{url: "redis://a", protocol: 4}', /server\.redis\.protocol/],
  ])('%s is refused by name', (text, refusal) => {
    expect(() => redis(text)).toThrow(refusal);
  });
});
