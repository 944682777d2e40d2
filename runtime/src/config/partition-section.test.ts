import { expect, test } from 'vitest';
import { loadConfig } from './config-source.ts';

function load(dataset: object, limits: object = {}): unknown {
  const base = { upstream: 'api', endpoint: '/rows.json', partitionBy: { field: 'country' } };
  const upstreams = { api: { url: 'https://api.example' } };
  const overrides = { upstreams, datasets: { rows: { ...base, ...dataset } }, limits };
  return loadConfig({ env: {}, overrides }).datasets['rows'];
}

test('names of predicates are no whole numbers, for JavaScript would try those first', () => {
  const named = (name: string): object => ({
    partitionBy: { predicate: { big: 'people > 5', [name]: 'lat > 0' } },
  });
  for (const name of ['0', '2', '4294967294']) expect(() => load(named(name))).toThrow('no whole numbers');
  for (const name of ['2nd', '01', '-1', '1.5']) expect(load(named(name))).toMatchObject(named(name));
});

test('a partition is no larger than what readers take', () => {
  expect(load({ partitionBytesMax: '16MiB' })).toMatchObject({ partitionBytesMax: 16 * 1024 ** 2 });
  expect(() => load({ partitionBytesMax: '17MiB' })).toThrow('16MiB');
});

test('a column cannot be called __proto__, for its values would be lost', () => {
  expect(() => load({ format: 'csv', csv: { columns: ['a', '__proto__'] } })).toThrow('__proto__');
});

test('an ingest has memory enough for a thread to live', () => {
  expect(load({}, { ingestBytesMax: '16MiB' })).toBeDefined();
  expect(() => load({}, { ingestBytesMax: '15MiB' })).toThrow('16MiB');
});
