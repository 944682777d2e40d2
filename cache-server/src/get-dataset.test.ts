import { expect, test } from 'vitest';
import { startDatasets } from './get-dataset.fixture.ts';

const ONE_CHUNK = { chunk: { records: 1000 } };

test('a read that begins after a roll-back gets what was rolled back to, also while a refresh is under way', async () => {
  const t = await startDatasets({ datasets: { d: { endpoint: '/d', partitionBy: ONE_CHUNK } } });
  t.put('/d', [{ v: 1 }]);
  await t.records();
  await t.elapse(5_000);
  t.put('/d', [{ v: 2 }]);
  expect(await t.records()).toEqual([{ v: 2 }]);
  await t.elapse(5_000);
  const [, first] = (await t.service.versions('d')).versions;
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  t.put('/d', async (_request: unknown, response: { end(body: string): void }) => {
    asked.resolve();
    await released.promise;
    response.end('[{"v":2}]');
  });
  const before = t.records();
  await asked.promise;
  await t.service.rollback('d', first!.version);
  const after = t.records();
  released.resolve();
  expect(await after).toEqual([{ v: 1 }]);
  await before;
  await t.elapse(5_000);
  expect(await t.records()).toEqual([{ v: 1 }]);
});
