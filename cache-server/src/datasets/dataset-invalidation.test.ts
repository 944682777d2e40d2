import type { ServerResponse } from 'node:http';
import type { GenerationMode } from '@pannier/proto/generation';
import { expect, test } from 'vitest';
import { startDatasets } from '../get-dataset.fixture.ts';
import type { TestDatasets } from '../get-dataset.fixture.ts';

const DAY_MS = 24 * 3600 * 1000;

async function started(): Promise<TestDatasets> {
  const d = { endpoint: '/d', refreshMs: DAY_MS, partitionBy: { chunk: { records: 1000 } } };
  const t = await startDatasets({ datasets: { d } });
  t.put('/d', [{ v: 1 }], 'max-age=86400');
  expect(await t.records()).toEqual([{ v: 1 }]);
  await t.elapse(5_000);
  return t;
}

/** As the RPC does: the dataset, and the documents that it is made from. */
async function invalidate(t: TestDatasets, mode: GenerationMode): Promise<void> {
  const url = { kind: 'url', value: `${t.url}/d` } as const;
  await t.generations.invalidate([{ kind: 'dataset', value: 'd' }, url], mode);
}

test.each(['hard', 'soft'] as const)(
  'a dataset that was invalidated (%s) is refreshed before its next answer, once, however fresh it was',
  async (mode) => {
    const t = await started();
    t.put('/d', [{ v: 2 }], 'max-age=86400');
    expect(await t.records()).toEqual([{ v: 1 }]);
    await invalidate(t, mode);
    expect(await t.records()).toEqual([{ v: 2 }]);
    expect(await t.records()).toEqual([{ v: 2 }]);
    expect(t.counts.get('/d')).toBe(2);
  },
);

test('the old version stands in for an upstream that fails after a soft invalidation, and not after a hard one', async () => {
  const t = await started();
  t.put('/d', (_request: unknown, response: ServerResponse) => void response.writeHead(503).end());
  await invalidate(t, 'soft');
  expect(await t.records()).toEqual([{ v: 1 }]);
  await t.elapse(5_000);
  await invalidate(t, 'hard');
  await expect(t.records()).rejects.toThrow(/503/);
  t.put('/d', [{ v: 3 }], 'max-age=86400');
  await t.elapse(60_000);
  expect(await t.records()).toEqual([{ v: 3 }]);
});

test('a version that the upstream still has is confirmed, not published again', async () => {
  const t = await started();
  const [before] = (await t.service.versions('d')).versions;
  await invalidate(t, 'hard');
  expect(await t.records()).toEqual([{ v: 1 }]);
  expect((await t.service.versions('d')).versions.map(({ version }) => version)).toEqual([before?.version]);
  expect(t.counts.get('/d')).toBe(2);
  expect(await t.records()).toEqual([{ v: 1 }]);
  expect(t.counts.get('/d')).toBe(2);
});

test('a refresh that was under way when the dataset was invalidated is followed by another one', async () => {
  const t = await started();
  const held = Promise.withResolvers<ServerResponse>();
  await invalidate(t, 'soft');
  t.put('/d', (_request: unknown, response: ServerResponse) => held.resolve(response));
  const first = t.records();
  const response = await held.promise;
  await invalidate(t, 'hard');
  t.put('/d', [{ v: 3 }], 'max-age=86400');
  const second = t.records();
  response.writeHead(200, { 'cache-control': 'max-age=86400' }).end('[{"v":2}]');
  expect(await first).toEqual([{ v: 2 }]);
  expect(await second).toEqual([{ v: 3 }]);
});
