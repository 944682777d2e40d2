import { describe, expect, it } from 'vitest';
import { configKeys } from './config-key.ts';
import { parseConfig } from './config-source.ts';
import type { Environment } from './environment.ts';

const parse = (env: Environment, text = '') => parseConfig(text, { env });

describe('the environment', () => {
  it('has a variable of its own for every key', () => {
    const names = configKeys().map((key) => key.env);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('PANNIER_SERVER_PORT');
    expect(names).toContain('PANNIER_LIMITS_ENTRY_BYTES_MAX');
    expect(names).toContain('PANNIER_SERVER_REDIS_URL');
    expect(names).toContain('PANNIER_UPSTREAMS_<NAME>_FETCH_TIMEOUT_MS');
  });

  it('can set every default to itself', () => {
    const keys = configKeys().filter(
      (key) => key.default !== undefined && !key.path.includes('*') && !key.path.includes('redis'),
    );
    const env = Object.fromEntries(
      keys.map((key) => [key.env, key.form === 'pairs' ? '' : String(key.default)]),
    );
    expect(parse(env)).toEqual(parse({}));
  });

  it('sets numbers, sizes, durations, choices and lists', () => {
    const config = parse({
      PANNIER_SERVER_PORT: '0',
      PANNIER_LIMITS_ENTRY_BYTES_MAX: '1GiB',
      PANNIER_LIMITS_DRAIN_MS: '1500',
      PANNIER_PROXY_SERVERS: '10.0.0.1:7070, 10.0.0.2:7070',
      PANNIER_SERVER_ALLOW_PRIVATE_ADDRESSES: 'loopback',
      PANNIER_SERVER_REDIS_URL: 'redis://127.0.0.1',
      PANNIER_SERVER_REDIS_PROTOCOL: '2',
      PANNIER_PROXY_ROUTES: '/geo=https://api.example,/x=http://x.example/y',
    });
    expect(config.server).toMatchObject({
      port: 0,
      allowPrivateAddresses: ['loopback'],
      redis: { protocol: 2, keyPrefix: 'pannier' },
    });
    expect(config.limits).toMatchObject({ entryBytesMax: 2 ** 30, drainMs: 1500 });
    expect(config.proxy.servers).toEqual(['10.0.0.1:7070', '10.0.0.2:7070']);
    expect(config.proxy.routes).toEqual({ '/geo': 'https://api.example', '/x': 'http://x.example/y' });
  });

  it('sets keys of a named upstream or dataset, also one that the file declares', () => {
    const config = parse(
      {
        PANNIER_UPSTREAMS_GEO_API_FETCH_TIMEOUT_MS: '2s',
        PANNIER_UPSTREAMS_OTHER_URL: 'http://other.example',
        PANNIER_DATASETS_CITIES_UPSTREAM: 'geo-api',
        PANNIER_DATASETS_CITIES_ENDPOINT: '/cities.json',
        PANNIER_DATASETS_CITIES_PARTITION_BY: '{"field": ["country", "admin1"]}',
      },
      'upstreams: {geo-api: {url: "https://api.example"}}',
    );
    expect(config.upstreams['geo-api']).toMatchObject({ url: 'https://api.example', fetchTimeoutMs: 2000 });
    expect(config.upstreams.other?.url).toBe('http://other.example');
    expect(config.datasets.cities?.partitionBy).toEqual({ field: ['country', 'admin1'] });
  });

  it('counts an empty variable as not set, and an empty list as empty', () => {
    const text = 'server: {port: 1, allowPrivateAddresses: [loopback]}';
    const { server } = parse({ PANNIER_SERVER_PORT: '', PANNIER_SERVER_ALLOW_PRIVATE_ADDRESSES: '' }, text);
    expect(server).toMatchObject({ port: 1, allowPrivateAddresses: [] });
  });

  it('refuses a misspelt variable and names the nearest', () => {
    expect(() => parse({ PANNIER_SERVER_PROT: '1' })).toThrow(
      'PANNIER_SERVER_PROT: no such key in the config; the nearest variable is PANNIER_SERVER_PORT',
    );
  });

  it('leaves variables alone that name no section', () => {
    expect(parse({ PANNIER_ADDRESS: 'x', PANNIER: 'y', PANNIERSERVER_PORT: '1' })).toEqual(parse({}));
  });

  it('leaves the variables alone that Kubernetes sets for a Service named pannier-server', () => {
    const config = parse({
      PANNIER_SERVER_SERVICE_HOST: '10.96.0.7',
      PANNIER_SERVER_SERVICE_PORT: '7070',
      PANNIER_SERVER_SERVICE_PORT_GRPC: '7070',
      PANNIER_SERVER_PORT: 'tcp://10.96.0.7:7070',
      PANNIER_SERVER_PORT_7070_TCP: 'tcp://10.96.0.7:7070',
      PANNIER_SERVER_PORT_7070_TCP_PROTO: 'tcp',
      PANNIER_SERVER_PORT_7070_TCP_ADDR: '10.96.0.7',
    });
    expect(config).toEqual(parse({}));
  });
});
