import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configKeys } from './config-key.ts';
import { configJsonSchema, configJsonSchemaText } from './json-schema.ts';
import type { JsonSchema } from './json-schema.ts';

function* fieldsOf(schema: JsonSchema, path = ''): Generator<[string, JsonSchema]> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    yield [`${path}${name}`, field];
    yield* fieldsOf(field, `${path}${name}.`);
  }
  if (typeof schema.additionalProperties === 'object')
    yield* fieldsOf(schema.additionalProperties, `${path}*.`);
}

describe('the JSON Schema of the config', () => {
  it('is what the published file holds (write it anew: node runtime/src/config/write-schema.ts)', () => {
    const published = readFileSync(new URL('../../../docs/pannier.schema.json', import.meta.url), 'utf8');
    expect(published).toBe(configJsonSchemaText());
  });

  it('describes every key', () => {
    const silent = [...fieldsOf(configJsonSchema())].filter(([, field]) => !field.description);
    expect(silent.map(([path]) => path)).toEqual([]);
  });

  it('gives a default to every key but those whose absence means something', () => {
    const without = configKeys().filter((key) => key.default === undefined);
    expect(without.map((key) => key.path.join('.'))).toEqual([
      'server.keySecret',
      'server.redis.url',
      'server.redis.sentinel.name',
      'server.redis.sentinel.nodes',
      'server.redis.sentinel.username',
      'server.redis.sentinel.passwordFile',
      'server.redis.cluster',
      'server.redis.username',
      'server.redis.passwordFile',
      'server.redis.tls.ca',
      'server.redis.tls.cert',
      'server.redis.tls.key',
      'server.redis.tls.serverName',
      'server.redis.control.url',
      'server.redis.control.sentinel.name',
      'server.redis.control.sentinel.nodes',
      'server.redis.control.sentinel.username',
      'server.redis.control.sentinel.passwordFile',
      'server.redis.control.cluster',
      'server.redis.control.username',
      'server.redis.control.passwordFile',
      'server.redis.control.tls.ca',
      'server.redis.control.tls.cert',
      'server.redis.control.tls.key',
      'server.redis.control.tls.serverName',
      'upstreams.*.url',
      'upstreams.*.ca',
      'upstreams.*.defaultTtlMs',
      'upstreams.*.forcedTtlMs',
      'upstreams.*.negativeTtlMs',
      'upstreams.*.concurrencyMax',
      'upstreams.*.rate.requests',
      'upstreams.*.breaker.failures',
      'upstreams.*.breaker.share',
      'upstreams.*.refresh',
      'upstreams.*.fallback',
      'datasets.*.upstream',
      'datasets.*.endpoint',
      'datasets.*.csv.columns',
      'datasets.*.pages.next',
      'datasets.*.probe.endpoint',
      'datasets.*.probe.header',
      'datasets.*.probe.pointer',
      'datasets.*.transform.expression',
      'datasets.*.transform.module',
      'datasets.*.partitionBy',
      'datasets.*.orderBy',
      'datasets.*.key',
      'datasets.*.refreshMs',
    ]);
  });

  it('lets no unknown key through, at any depth', () => {
    const open = [...fieldsOf(configJsonSchema())].filter(
      ([, field]) => field.type === 'object' && field.additionalProperties === undefined,
    );
    expect(open).toEqual([]);
  });
});
