import { expect, test } from 'vitest';
import { startDatasets } from './get-dataset.fixture.ts';
import type { TestDatasets } from './get-dataset.fixture.ts';

const ONE_CHUNK = { chunk: { records: 1000 } };
const DAY_MS = 24 * 3600 * 1000;

async function startProbed(): Promise<TestDatasets> {
  const d = { endpoint: '/d', probe: { endpoint: '/version' }, partitionBy: ONE_CHUNK };
  const t = await startDatasets({ datasets: { d, plain: { endpoint: '/d', partitionBy: ONE_CHUNK } } });
  t.put('/version', '1', 'no-cache');
  t.put('/d', [{ v: 1 }], 'max-age=60');
  return t;
}

test.each(['d', 'plain'])(
  'what a new answer of the probe stands for is fetched, although %s left an older body fresh in the cache',
  async (dataset) => {
    const t = await startProbed();
    expect(await t.records({ dataset })).toEqual([{ v: 1 }]);
    await t.elapse(5_000);
    t.put('/version', '2', 'no-cache');
    t.put('/d', [{ v: 2 }], 'max-age=60');
    expect(await t.records()).toEqual([{ v: 2 }]);
    await t.elapse(DAY_MS);
    expect(await t.records()).toEqual([{ v: 2 }]);
    expect(t.counts.get('/d')).toBe(2);
  },
);

test('a version whose rows all lack what they are partitioned by is put aside', async () => {
  const d = { endpoint: '/d', partitionBy: { field: 'country' } };
  const t = await startDatasets({ datasets: { d } });
  t.put('/d', [{ id: 1, country: 'CZ' }]);
  await t.records();
  await t.elapse(5_000);
  t.put('/d', [{ id: 1, cc: 'CZ' }]);
  expect(await t.records()).toEqual([{ id: 1, country: 'CZ' }]);
  const [newest] = (await t.service.versions('d')).versions;
  expect(newest?.quarantineReason).toContain('the declared field country is gone');
});
