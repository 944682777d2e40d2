import { describe, expect, it } from 'vitest';
import { ConfigError } from '../errors.ts';
import { parseConfig } from './config-source.ts';
import type { Environment } from './environment.ts';
import type { Config } from './schema.ts';

function redis(text: string, env: Environment = {}): Config['server']['redis'] {
  return parseConfig(`server:\n  redis: ${text}\n`, { env }).server.redis;
}

/** The line of a refusal, which has nothing secret in it. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { message } = error as ConfigError;
    expect(message).not.toMatch(/hu|sh@/);
    return message;
  }
  return 'not refused';
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

  const percent = 'with percent-encoded user and password';
  it.each([
    ['redis://:hush@h:99999', '"redis://***@h:99999"', 'with a host, and a port from 1 to 65535 if any'],
    ['redis://:hush@h:0', '"redis://***@h:0"', 'with a host, and a port from 1 to 65535 if any'],
    ['redis://:hush@h:x', '"redis://***@h:x"', 'with a host, and a port from 1 to 65535 if any'],
    ['redis://:hush', '"redis://***"', 'with a host, and a port from 1 to 65535 if any'],
    ['rediss://user:hush%zz@h', '"rediss://***@h"', percent],
    ['redis://%zz:hush@h', '"redis://***@h"', percent],
    ['redis://user#hush:hush@h', '"redis://***@h"', percent],
    ['redis://user?hush:hush@h', '"redis://***@h"', percent],
    ['redis://:hu/sh@h', '"redis://***@h"', ''],
    [':hush@h:6379', '"***@h:6379"', ''],
    ['redis://:hush@h/2147483648', '"redis://***@h/2147483648"', 'with a database from 0 to 2147483647'],
    ['redis://:hush@h/0x1', '"redis://***@h/0x1"', ''],
  ])('refuses %s on one line that names the key and masks the password', (url, found, why) => {
    const lines = [
      () => redis(`{url: ${JSON.stringify(url)}}`),
      () => redis(`{cluster: [${JSON.stringify(url)}]}`),
      () => redis(`{url: "redis://a", control: {url: ${JSON.stringify(url)}}}`),
      () => parseConfig('', { env: { PANNIER_SERVER_REDIS_URL: url } }),
      () => parseConfig('', { env: {}, overrides: { server: { redis: { url } } } }),
    ].map(refusal);
    const line = `found ${found}, expected a redis:// or rediss:// URL${why === '' ? '' : ` ${why}`}`;
    expect(lines.map((one) => one.replace(/ \(and \d more\)$/, ''))).toEqual([
      `config:2: server.redis.url: ${line}`,
      `config:2: server.redis.cluster.0: ${line}`,
      `config:2: server.redis.control.url: ${line}`,
      `PANNIER_SERVER_REDIS_URL: server.redis.url: ${line}`,
      `command line: server.redis.url: ${line}`,
    ]);
  });

  it('shows no part of a password that a comma splits in two, and none that stands where a key should', () => {
    const env = { PANNIER_SERVER_REDIS_CLUSTER: 'redis://:hush,hush@h' };
    expect(refusal(() => parseConfig('', { env }))).toContain('cluster.0: found "redis://***", expected');
    expect(refusal(() => redis('{"redis://:hush@h"}'))).toContain('unknown key');
    expect(refusal(() => parseConfig('server: {keySecret: hush}', { env: {} }))).toContain(
      'server.keySecret: found a value, expected at least 16 characters',
    );
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
    ['{sentinel: {name: main, nodes: ["a:99999"]}}', /nodes\.0: found "a:99999", expected a sentinel as h/],
    ['{sentinel: {name: main, nodes: ["a:0"]}}', /nodes\.0: found "a:0", expected a sentinel as host:port/],
    ['{sentinel: {nodes: [a]}}', /server\.redis\.sentinel\.name: is required/],
    ['{url: "redis://a", protocol: 4}', /server\.redis\.protocol/],
  ])('%s is refused by name', (text, refusal) => {
    expect(() => redis(text)).toThrow(refusal);
  });
});
