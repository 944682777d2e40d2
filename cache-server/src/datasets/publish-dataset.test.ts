import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { NEVER, startDatasets } from '../get-dataset.fixture.ts';

const HUNDREDS = { chunk: { records: 100 } };

function rows(count: number): object[] {
  return Array.from({ length: count }, (_none, id) => ({ id, text: randomBytes(750).toString('base64') }));
}

test('a dataset that does not fit into the embedded store is refused by the name of the limit, and the old version stays', async () => {
  const d = { endpoint: '/d', partitionBy: HUNDREDS };
  const t = await startDatasets({ datasets: { d }, storeBytesMax: 1e6 });
  t.put('/d', rows(4_000), 'max-age=3600');
  for (let read = 0; read < 3; read += 1) {
    const refused = t.service.describe('d', '', NEVER);
    await expect(refused).rejects.toMatchObject({ code: 'bad-data' });
    await expect(refused).rejects.toThrow(/upstream api, endpoint \/d\).*server\.memoryStoreBytesMax/);
    await t.elapse(10_000);
  }
  expect((await t.service.versions('d')).versions).toEqual([]);
  t.put('/d', rows(100));
  await t.elapse(3_600_000);
  expect(await t.records()).toHaveLength(100);
  t.put('/d', rows(4_000));
  await t.elapse(5_000);
  expect((await t.service.describe('d', '', NEVER)).records).toBe(100);
});

test('a partition that was driven out of the embedded store is told so, and is there again with the next read', async () => {
  const t = await startDatasets({ datasets: { d: { endpoint: '/d', partitionBy: HUNDREDS } } });
  t.put('/d', rows(100), 'max-age=3600');
  await t.records();
  const { partitions } = await t.service.describe('d', '', NEVER);
  await t.store.deleteFrames(
    'api',
    partitions.map(({ digest }) => digest),
  );
  const another = t.another();
  await expect(t.records({}, another)).rejects.toThrow(/is lost: .*server\.memoryStoreBytesMax/);
  expect(await t.records({}, another)).toHaveLength(100);
});
