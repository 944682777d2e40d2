import { loadConfig } from '@pannier/runtime';
import type { ConfigOverrides } from '@pannier/runtime';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createUpstreamRegistry } from './upstream-registry.ts';
import type { UpstreamRegistry, UpstreamRegistryOptions } from './upstream-registry.ts';

async function registry(
  upstreams: NonNullable<ConfigOverrides['upstreams']>,
  options: Partial<UpstreamRegistryOptions> = {},
): Promise<UpstreamRegistry> {
  const config = loadConfig({ env: {}, overrides: { upstreams } });
  const made = await createUpstreamRegistry({
    upstreams: config.upstreams,
    undeclared: 'pass',
    allowPrivateAddresses: [],
    ownAddresses: [],
    viaName: 'pannier-server-test',
    limits: config.limits,
    ...options,
  });
  onTestFinished(async () => await made.close());
  return made;
}

describe('the registry of upstreams', () => {
  it('finds an upstream by its origin, its http twin and its further origins, below its path only', async () => {
    const { resolve } = await registry({
      geo: { url: 'https://api.example/v1/', match: ['http://old.example:8080'] },
      all: { url: 'https://api.example/' },
    });
    const found = (url: string): string | undefined => {
      const target = resolve(url);
      return target && `${target.upstream.name} ${target.url}`;
    };
    expect(found('https://api.example/v1/a?b=c')).toBe('geo https://api.example/v1/a?b=c');
    expect(found('http://api.example/v1/a')).toBe('geo https://api.example/v1/a');
    expect(found('http://old.example:8080/v1')).toBe('geo https://api.example/v1');
    expect(found('http://old.example:8080/v2')).toBeUndefined();
    expect(found('https://api.example/v11')).toBe('all https://api.example/v11');
    expect(found('http://api.example:81/v1')).toBeUndefined();
  });

  it('never leaves the origin of an upstream, whatever the path looks like', async () => {
    const { resolve } = await registry({ api: { url: 'http://api.example' } });
    for (const path of [
      '//evil.example/x',
      '///evil.example',
      '/\\evil.example',
      '//u:p@evil.example:81/',
      '//',
    ])
      expect(new URL(resolve(`http://api.example${path}`)!.url).origin, path).toBe('http://api.example');
  });

  it('leaves path and query as they are written', async () => {
    const { resolve } = await registry({ api: { url: 'https://API.example' } });
    for (const path of ["/s?q='x'|%27", '/a/../b', '/%7eme/./x//y?', '/?', '/{a}"<b>^`|', '/a?b?c/../d'])
      expect(resolve(`HTTP://api.EXAMPLE${path}#part`)!.url).toBe(`https://api.example${path}`);
    expect(resolve('http://api.example')!.url).toBe('https://api.example/');
    expect(resolve('http://api.example?a')!.url).toBe('https://api.example/?a');
    expect(resolve('http://api.example/\u6771 \xe9?\u4eac')!.url).toBe(
      'https://api.example/%E6%9D%B1%20%C3%A9?%E4%BA%AC',
    );
  });

  it('gives no path to an upstream that leads out of the one it is declared at', async () => {
    const { resolve } = await registry({
      geo: { url: 'https://api.example/v1' },
      all: { url: 'https://api.example' },
    });
    const found = (path: string): string => resolve(`https://api.example${path}`)!.upstream.name;
    for (const path of ['/v1/a/../b', '/v1/./..a/%2e', '/v1?/../..', '/v1/a//..'])
      expect(found(path), path).toBe('geo');
    for (const path of [
      '/v1/../x',
      '/v1/%2e%2E/x',
      '/v1/..',
      '/v1/.%2e\\x',
      '/v1\\..',
      '/v1/a/../../v1/a',
      '/v1//../x',
    ])
      expect(found(path), path).toBe('all');
    expect(resolve('https://api.example/v1/%2e%2e/x')!.url).toBe('https://api.example/v1/%2e%2e/x');
  });

  it('takes an undeclared origin for an upstream of its own when undeclared ones are cached', async () => {
    const { resolve } = await registry({}, { undeclared: 'cache', allowPrivateAddresses: ['loopback'] });
    expect(resolve('http://api.example/a')).toMatchObject({
      url: 'http://api.example/a',
      upstream: { name: 'http://api.example', forwardHeaders: ['accept', 'accept-language'] },
    });
    expect(resolve('http://127.0.0.1:7099/a')).toMatchObject({
      upstream: { name: 'http://127.0.0.1:7099' },
    });
    expect(() => resolve('http://10.0.0.1/')).toThrow('private address');
  });

  it.each([
    'http://169.254.169.254/latest',
    'http://[::ffff:a9fe:a9fe]/',
    'http://2852039166/',
    'http://metadata.google.internal/',
  ])('refuses the metadata service as %s, also where it caches nothing', async (url) => {
    const { resolve } = await registry({});
    expect(() => resolve(url)).toThrow(expect.objectContaining({ code: 'forbidden-target' }));
  });

  it('refuses Pannier itself, also when it is declared', async () => {
    const ownAddresses = [{ host: '127.0.0.1', port: 7070 }];
    const { resolve } = await registry({ me: { url: 'http://127.0.0.1:7070' } }, { ownAddresses });
    expect(() => resolve('http://127.0.0.1:7070/')).toThrow('Pannier itself');
  });

  it.each(['ftp://a.example/', '/relative', 'http://', 'http://user:secret@a.example/'])(
    'refuses %s as no URL to fetch, without repeating a password',
    async (url) => {
      const { resolve } = await registry({});
      expect(() => resolve(url)).toThrow(expect.objectContaining({ code: 'bad-request' }));
      expect(() => resolve(url)).not.toThrow('secret');
    },
  );

  it('names a certificate file that cannot be read', async () => {
    await expect(registry({ geo: { url: 'https://a.example', ca: '/nowhere/ca.pem' } })).rejects.toThrow(
      '/nowhere/ca.pem',
    );
  });
});
