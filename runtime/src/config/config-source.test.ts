import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../errors.ts';
import { configKeys } from './config-key.ts';
import { loadConfig, parseConfig } from './config-source.ts';
import type { ConfigSource } from './config-source.ts';

const path = 'pannier.yaml';
const parse = (text: string, source: ConfigSource = {}) => parseConfig(text, { path, env: {}, ...source });

function refusal(text: string, source: ConfigSource = {}): string {
  try {
    parse(text, source);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('the config', () => {
  it('is complete without any source', () => {
    const config = loadConfig({ env: {} });
    expect(config.server).toMatchObject({
      host: '127.0.0.1',
      port: 7070,
      undeclared: 'pass',
      memoryStoreBytesMax: 2 ** 28,
    });
    expect(config.limits).toMatchObject({
      entryBytesMax: 2 ** 31,
      fetchDeadlineMs: 600_000,
      waitersPerFlightMax: 16_384,
      waitersBeyond: 'alone',
      waitDeadlineMs: 0,
    });
    expect(config.upstreams).toEqual({});
    expect(config.server.redis).toBeUndefined();
  });

  it('reads sizes and durations as numbers or text', () => {
    const { limits } = parse(
      'limits: {entryBytesMax: 50MB, inlineBytesMax: 1000, drainMs: 1m30s, heartbeatMs: 500}',
    );
    expect(limits).toMatchObject({
      entryBytesMax: 50_000_000,
      inlineBytesMax: 1000,
      drainMs: 90_000,
      heartbeatMs: 500,
    });
  });

  it('fills in the defaults of a declared upstream and dataset', () => {
    const config = parse(`
upstreams:
  geo: {url: https://api.example/v1, forwardHeaders: [Accept, X-Tenant]}
datasets:
  cities: {upstream: geo, endpoint: /cities.json, partitionBy: {field: country}}`);
    expect(config.upstreams.geo).toEqual({
      url: 'https://api.example/v1',
      match: [],
      forwardHeaders: ['accept', 'x-tenant'],
      closeDelimited: 'relay',
      credentials: 'never',
      doubtfulAge: 'stale',
      dropQuery: [],
      failureTtlMs: 0,
      heuristicShare: 0.1,
      heuristicTtlMaxMs: 3_600_000,
      ignoreNoCache: false,
      minTtlMs: 0,
      negativeTtlMs: {},
      queueMax: 10_000,
      queueTimeoutMs: 30_000,
      rangeFillBytesMax: 8 * 1024 * 1024,
      refresh: [],
      versionEndpoints: [],
      refreshAhead: { share: 0, hitsMin: 3 },
      retries: { max: 0, firstDelayMs: 100 },
      retryAfterMaxMs: 60_000,
      setCookie: 'never-share',
      sortQuery: false,
      staleIfErrorMs: 0,
      fetchTimeoutMs: 30_000,
      idleTimeoutMs: 30_000,
    });
    expect(config.datasets.cities).toMatchObject({ partitionBy: { field: 'country' }, records: '' });
  });

  it('takes a section whose lines are all commented out for no section', () => {
    expect(parse('server:\n#  port: 1\n')).toEqual(parse(''));
  });

  it('lets the environment beat the file, and overrides beat both', () => {
    const text = 'server: {port: 1, adminPort: 1, host: 0.0.0.0}';
    const env = { PANNIER_SERVER_PORT: '2', PANNIER_SERVER_ADMIN_PORT: '2' };
    const { server } = parse(text, { env, overrides: { server: { port: 3, host: undefined } } });
    expect(server).toMatchObject({ host: '0.0.0.0', port: 3, adminPort: 2 });
  });
});

describe('a refused config', () => {
  it.each([
    ['server:\n  prot: 1', 'pannier.yaml:2: server.prot: unknown key; did you mean server.port?'],
    ['servr: {}', 'pannier.yaml:1: servr: unknown key; did you mean server?'],
    ['fallback: direct', 'pannier.yaml:1: fallback: unknown key; did you mean proxy.fallback?'],
    [
      'server: {}\nproxy:\n  fetchTimeoutMs: 5s',
      'pannier.yaml:3: proxy.fetchTimeoutMs: unknown key; did you mean upstreams.NAME.fetchTimeoutMs?',
    ],
    ['__proto__: {a: 1}', 'pannier.yaml:1: __proto__: unknown key; did you mean proxy?'],
    ['server:\n  port: abc', 'pannier.yaml:2: server.port: found "abc", expected a port from 0 to 65535'],
    ['server:\n  port: 99999', 'pannier.yaml:2: server.port: found 99999, expected a port from 0 to 65535'],
    [
      'server:\n  undeclared: maybe',
      'pannier.yaml:2: server.undeclared: found "maybe", expected one of pass, cache',
    ],
    ['server: 5', 'pannier.yaml:1: server: found 5, expected a mapping of keys'],
    [
      'limits:\n  drainMs: 90d',
      'pannier.yaml:2: limits.drainMs: found "90d", expected milliseconds or a duration such as 250ms, 30s or 5m, from 0ms to 24d21h',
    ],
    [
      'limits:\n  partitionBytes: 1KiB',
      'pannier.yaml:2: limits.partitionBytes: found "1KiB", expected bytes or a size such as 64MiB or 50MB, from 4KiB to 16MiB',
    ],
    [
      'limits:\n  partitionBytes: huge',
      'pannier.yaml:2: limits.partitionBytes: found "huge", expected bytes or a size such as 64MiB or 50MB, from 4KiB to 16MiB',
    ],
    [
      'limits:\n  partitionBytes: [1]',
      'pannier.yaml:2: limits.partitionBytes: found a list, expected bytes or a size such as 64MiB or 50MB, from 4KiB to 16MiB',
    ],
    [
      'upstreams:\n  geo: {}',
      'pannier.yaml:2: upstreams.geo.url: is required: expected an http:// or https:// URL without credentials, query or fragment',
    ],
    [
      'upstreams:\n  Geo: {url: "http://x"}',
      'pannier.yaml:2: upstreams.Geo: found the name "Geo", expected a name of lower-case letters, digits and inner hyphens',
    ],
    [
      'upstreams:\n  a: {url: "https://x"}\n  b: {url: "https://x/"}',
      'pannier.yaml:3: upstreams.b.url: found "https://x/", expected a place that upstreams.a does not claim already',
    ],
    [
      'upstreams:\n  a: {url: nonsense}',
      'pannier.yaml:2: upstreams.a.url: found "nonsense", expected an http:// or https:// URL without credentials, query or fragment',
    ],
    [
      'upstreams:\n  a: {url: "http://x", forwardHeaders: [Cookie]}',
      'pannier.yaml:2: upstreams.a.forwardHeaders.0: found "Cookie", expected a header that a shared request may carry: no credentials, conditions, ranges or hop-by-hop headers',
    ],
    [
      'datasets:\n  c: {upstream: geo, endpoint: /x, partitionBy: {field: a}}',
      'pannier.yaml:2: datasets.c.upstream: found "geo", expected the name of an upstream, but none is declared',
    ],
    [
      'datasets:\n  c: {upstraem: geo, endpoint: /x, partitionBy: {field: a}}',
      'pannier.yaml:2: datasets.c.upstraem: unknown key; did you mean datasets.c.upstream? (and 1 more)',
    ],
    [
      'proxy:\n  servers: []',
      'pannier.yaml:2: proxy.servers: found an empty list, expected at least one server',
    ],
    [
      'proxy:\n  routes: {/.pannier/x: "http://x"}',
      'pannier.yaml:2: proxy.routes./.pannier/x: found the name "/.pannier/x", expected a path prefix such as /geo, other than /.pannier',
    ],
    [
      'server:\n  allowPrivateAddresses:\n    - 10.0.0.0/40',
      'pannier.yaml:3: server.allowPrivateAddresses.0: found "10.0.0.0/40", expected loopback, link-local, private, an IP address, a CIDR range such as 10.0.0.0/8, or a host name such as api.internal or *.svc.cluster.local',
    ],
    ['- a', 'pannier.yaml: expected sections such as "server:", found no mapping'],
    ['server:\n  port: 1\n  port: 2', 'pannier.yaml:3:3: not valid YAML: Map keys must be unique'],
    [
      'server: *gone',
      'pannier.yaml: not valid YAML: Unresolved alias (the anchor must be set before the alias): gone',
    ],
  ])('says of %j on one line what is wrong', (text, line) => {
    expect(refusal(text)).toBe(line);
  });

  it('names the variable or the command line when the value came from there', () => {
    const env = { PANNIER_SERVER_PORT: 'abc' };
    expect(refusal('server: {port: 1}', { env })).toBe(
      'PANNIER_SERVER_PORT: server.port: found "abc", expected a port from 0 to 65535',
    );
    expect(refusal('', { env, overrides: { server: { port: -1 } } })).toBe(
      'command line: server.port: found -1, expected a port from 0 to 65535',
    );
  });

  it('blames the command line only for what it set', () => {
    const overrides = { server: { port: undefined } };
    expect(refusal('server:\n  port: abc', { overrides })).toMatch(
      /^pannier\.yaml:2: server\.port: found "abc"/,
    );
    const env = { PANNIER_SERVER_PORT: 'abc' };
    expect(refusal('', { env, overrides })).toMatch(/^PANNIER_SERVER_PORT: server\.port: found "abc"/);
  });

  it('never repeats a password', () => {
    expect(refusal('server: {redis: {url: "http://me:secret@host"}}')).toContain('found "http://***@host"');
    expect(refusal('server: {redis: {url: "me:secret@host"}}')).toContain('found "***@host"');
  });

  it('says that a file is not there', () => {
    expect(() => loadConfig({ path: '/nowhere/pannier.yaml', env: {} })).toThrow(
      '/nowhere/pannier.yaml: no such file',
    );
  });

  it('is one line whatever the text', () => {
    const scalar = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.array(fc.string()),
    );
    fc.assert(
      fc.property(fc.constantFrom(...configKeys()), scalar, ({ path: [section = '', key = ''] }, value) => {
        expect(refusal(JSON.stringify({ [section]: { [key]: value } }))).toMatch(/^.+$/);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(refusal(text)).toMatch(/^.+$/);
      }),
    );
  });
});
