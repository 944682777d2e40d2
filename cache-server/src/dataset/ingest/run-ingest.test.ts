import { setTimeout as delay } from 'node:timers/promises';
import { fieldNames } from '@pannier/proto/partition-format';
import type { RecordObject } from '@pannier/proto/partition-format';
import { expect, it } from 'vitest';
import { cut, moduleOf } from './run-ingest.fixture.ts';

const CUSTOM = 'export default (row) => ';
const rows = (count: number): { id: number }[] => Array.from({ length: count }, (_none, id) => ({ id }));

it('cuts documents in order, with every record once', async () => {
  const documents = [rows(5), rows(3)].map((some) => JSON.stringify(some));
  const { partitions, counts, order } = await cut({ partitionBy: { chunk: { records: 3 } } }, documents);
  expect(order).toEqual(['chunk-000000', 'chunk-000001', 'chunk-000002']);
  expect([...partitions.values()].flat()).toEqual([...rows(5), ...rows(3)]);
  expect(counts).toEqual({ records: 8, duplicates: 0, missing: 0, dropped: 0 });
});

it('does not blame a rule for what takes long behind it, nor for a slow store', async () => {
  // Each record takes its rule a millisecond, all of them behind the end of the document; the first partition takes longer to store.
  const module = moduleOf(
    `${CUSTOM}{ const until = performance.now() + 1; while (performance.now() < until); return 'p' + row.id % 20; }`,
  );
  const partitionBy = [{ unique: { field: 'id' } }, { custom: { module } }];
  const waits = [5000];
  const options = { limits: { ruleTimeoutMs: 2000 }, store: () => delay(waits.pop() ?? 0) };
  const slow = await cut({ partitionBy }, [JSON.stringify(rows(3000))], options);
  expect(slow.counts.records).toBe(3000);
});

it.each([
  ['that never returns for a record', `${CUSTOM}{ while (row.id === 3); return 'a'; }`],
  ['that never resolves', `${CUSTOM}row.id === 3 ? new Promise(() => {}) : 'a';`],
  ['that never loads', 'while (true);'],
])('ends a module %s', async (_what, source) => {
  const partitionBy = { custom: { module: moduleOf(source) } };
  const limits = { ruleTimeoutMs: 200 };
  const failure = cut({ partitionBy }, [JSON.stringify(rows(9))], { limits });
  await expect(failure).rejects.toThrow(
    /^module .*rule\.mjs did not return within limits\.ruleTimeoutMs 200/,
  );
  await expect(failure).rejects.toMatchObject({ code: 'bad-rule' });
});

it.each([
  ['ends its thread', `${CUSTOM}row.id === 3 ? process.exit(7) : 'a';`, 'ended the thread with code 7'],
  [
    'fails later',
    `${CUSTOM}{ if (row.id === 3) Promise.reject(new Error('late')); return 'a'; }`,
    'fails outside of its call: late',
  ],
  ['throws what is no error', `${CUSTOM}{ throw 'text'; }`, 'throws: text for record 1'],
])('names the module that %s', async (_what, source, message) => {
  const partitionBy = { custom: { module: moduleOf(source) } };
  const failure = cut({ partitionBy }, [JSON.stringify(rows(9))]);
  await expect(failure).rejects.toThrow(/^module .*rule\.mjs /);
  await expect(failure).rejects.toMatchObject({ code: 'bad-rule' });
  await expect(failure).rejects.toThrow(message);
});

it('ends when nobody wants it any more', async () => {
  const left = new AbortController();
  const module = moduleOf(`${CUSTOM}new Promise(() => {});`);
  const failure = cut({ partitionBy: { custom: { module } } }, ['[1]'], { signal: left.signal });
  left.abort(new Error('closed'));
  await expect(failure).rejects.toThrow('closed');
});

it('lives with the least memory that may be declared', async () => {
  const { counts } = await cut({}, [JSON.stringify(rows(1000))], { limits: { ingestBytesMax: '16MiB' } });
  expect(counts.missing).toBe(1000);
});

it('gives its thread back, also when it fails', async () => {
  const limits = { ingestThreadsMax: 1, ingestWaitMs: '1m' };
  const runs = ['[1]', '{"no": "list"}', '[2]'].map(async (text) => await cut({}, [text], { limits }));
  const [one, failed, two] = await Promise.allSettled(runs);
  expect([one?.status, failed?.status, two?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

it('finds the edges of each level of quantiles by its own field, and keeps them', async () => {
  const partitionBy = ['lat', 'lng'].map((field) => ({ range: { field, quantiles: 2 } }));
  const text = JSON.stringify(
    Array.from({ length: 100 }, (_none, id) => ({ lat: id, lng: 1000 + ((id * 37) % 100) })),
  );
  const first = await cut({ partitionBy }, [text]);
  const both = ['-∞..50', '50..∞'].flatMap((lat) => ['-∞..1050', '1050..∞'].map((lng) => `${lat}/${lng}`));
  expect(new Set(first.order)).toEqual(new Set(both));
  const moved = text.replaceAll(/"lat":(\d+)/g, (_all, lat: string) => `"lat":${Number(lat) + 2}`);
  const { quantileEdges = [] } = first;
  const kept = await cut({ partitionBy }, [moved], { quantileEdges });
  expect(kept.order).toEqual(first.order);
  expect((await cut({ partitionBy }, [moved])).order).not.toEqual(first.order);
});

it.each([
  ['with much memory', '1GiB'],
  ['through the file', '16MiB'],
])('keeps the order of fields that are whole numbers %s', async (_what, ingestBytesMax) => {
  const partitionBy = [{ unique: { field: 'id' } }, { hash: { field: 'id', buckets: 8 } }];
  const filler = 'x'.repeat(2000);
  const lines = Array.from({ length: 4000 }, (_none, id) => `{"id":${id},"2021":"${filler}","2020":2}`);
  const { partitions } = await cut({ format: 'ndjson', partitionBy }, [lines.join('\n')], {
    limits: { ingestBytesMax },
  });
  const records = [...partitions.values()].flat() as RecordObject[];
  expect(records).toHaveLength(4000);
  const orders = new Set(records.map((record) => fieldNames(record).join(' ')));
  expect([...orders]).toEqual(['id 2021 2020']);
});
