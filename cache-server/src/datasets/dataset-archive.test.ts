import { expect, test } from 'vitest';
import { NEVER, startDatasets } from '../get-dataset.fixture.ts';

const ONE_CHUNK = { chunk: { records: 1000 } };

test('a roll-back and a pin outlast any number of other entries in the embedded store', async () => {
  const d = { endpoint: '/d', partitionBy: ONE_CHUNK };
  const t = await startDatasets({ datasets: { d }, storeBytesMax: 1e6 });
  t.put('/d', [{ v: 1 }]);
  await t.records();
  const { current: first } = await t.service.versions('d');
  await t.service.pin('d', first, true);
  await t.elapse(5_000);
  t.put('/d', [{ v: 2 }]);
  await t.records();
  await t.service.rollback('d', first);
  const before = await t.service.versions('d');
  for (let index = 0; index < 3_000; index += 1) {
    const entry = { bytes: Buffer.alloc(1_000), version: '1', ttlMs: 600_000 };
    await t.store.writeManifest(`api:original:${index}`, entry);
  }
  await t.elapse(5_000);
  expect(await t.another().describe('d', '', NEVER)).toMatchObject({ version: first, records: 1 });
  const after = await t.another().versions('d');
  expect(after.versions).toEqual(before.versions);
  expect(after.versions.map(({ pinned }) => pinned)).toEqual([false, true]);
});
