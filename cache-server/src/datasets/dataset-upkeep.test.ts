import { expect, test } from 'vitest';
import { NEVER, startDatasets } from '../get-dataset.fixture.ts';
import type { TestDatasets } from '../get-dataset.fixture.ts';

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** What is let go is there for so long. */
const GRACE_MS = 10 * 60 * 1000;
const ONE_CHUNK = { chunk: { records: 1000 } };

/** Whether all frames of a version are stored; undefined when its manifest is not. */
async function isStored(t: TestDatasets, frames: readonly Uint8Array[]): Promise<boolean> {
  return (await t.store.readFrames('api', frames)).every((frame) => frame !== undefined);
}

async function framesOf(t: TestDatasets, version = ''): Promise<Uint8Array[]> {
  const { partitions } = await t.service.describe('d', version, NEVER);
  return partitions.map(({ digest }) => digest);
}

test('a pinned version can be read as long as somebody reads the dataset, in a server that starts later too', async () => {
  const t = await startDatasets({ datasets: { d: { endpoint: '/d', partitionBy: ONE_CHUNK } } });
  t.put('/d', [{ v: 1 }]);
  await t.records();
  const { current: first } = await t.service.versions('d');
  await t.service.pin('d', first, true);
  for (let day = 0; day < 80; day += 20) {
    // It changes twice, and then nothing does.
    if (day < 40) t.put('/d', [{ v: day + 2 }]);
    await t.elapse(20 * DAY_MS);
    await t.records();
  }
  const later = t.another();
  expect((await later.describe('d', first, NEVER)).records).toBe(1);
  expect((await later.versions('d')).versions.map(({ pinned }) => pinned)).toEqual([false, false, true]);
  expect(await t.records({ version: first })).toEqual([{ v: 1 }]);
});

test('a pinned version outlives a dataset that always changes', async () => {
  const t = await startDatasets({ datasets: { d: { endpoint: '/d', partitionBy: ONE_CHUNK } } });
  t.put('/d', [{ v: -1 }]);
  await t.records();
  const { current: first } = await t.service.versions('d');
  await t.service.pin('d', first, true);
  for (let day = 0; day < 80; day += 20) {
    await t.elapse(20 * DAY_MS);
    t.put('/d', [{ v: day }]);
    await t.records();
  }
  expect((await t.another().describe('d', first, NEVER)).records).toBe(1);
  expect(await t.records({ version: first })).toEqual([{ v: -1 }]);
});

test('what only versions had that were let go is removed, when readers have had an hour to end', async () => {
  const d = { endpoint: '/d', keepVersions: 1, partitionBy: { field: 'country' } };
  const t = await startDatasets({ datasets: { d, other: d } });
  t.put('/d', [{ country: 'CZ' }, { country: 'DE' }, { country: 'FR', v: 1 }]);
  await t.records();
  const first = (await t.service.versions('d')).current;
  const [cz, de, fr] = await framesOf(t);
  await t.elapse(5_000);
  // DE stays with the other dataset of the upstream, CZ with this one.
  t.put('/d', [{ country: 'DE' }]);
  await t.records({ dataset: 'other' });
  await t.elapse(5_000);
  t.put('/d', [{ country: 'CZ' }, { country: 'FR', v: 2 }]);
  await t.records();
  expect((await t.service.versions('d')).versions).toHaveLength(1);
  await t.elapse(HOUR_MS / 2);
  await t.records();
  expect(await isStored(t, [cz!, de!, fr!])).toBe(true);
  expect(await t.records({ version: first })).toHaveLength(3);
  await t.elapse(HOUR_MS / 2);
  await t.records();
  await t.elapse(GRACE_MS);
  expect(await isStored(t, [cz!, de!])).toBe(true);
  expect(await isStored(t, [fr!])).toBe(false);
  await expect(t.service.describe('d', first, NEVER)).rejects.toMatchObject({ code: 'not-found' });
  expect(await t.records()).toEqual([{ country: 'CZ' }, { country: 'FR', v: 2 }]);
});

test('what another dataset has got since one version was removed stays when the next one is', async () => {
  const partitionBy = { field: 'country' };
  const d = { endpoint: '/d', keepVersions: 1, partitionBy };
  const t = await startDatasets({ datasets: { d, other: { endpoint: '/other', partitionBy } } });
  const frames: Uint8Array[] = [];
  for (const country of ['CZ', 'DE', 'FR']) {
    t.put('/d', [{ country }]);
    await t.records();
    frames.push(...(await framesOf(t)));
    await t.elapse(5_000);
  }
  t.put('/other', [{ country: 'DE' }]);
  const { releaseFrames } = t.store;
  let removals = 0;
  t.store.releaseFrames = async (...released) => {
    await releaseFrames.apply(t.store, released);
    removals += 1;
    if (removals === 1) await t.records({ dataset: 'other' });
  };
  await t.elapse(2 * HOUR_MS);
  await t.records();
  expect(removals).toBe(2);
  await t.elapse(GRACE_MS);
  const [cz, de, fr] = frames;
  expect(await isStored(t, [cz!])).toBe(false);
  expect(await isStored(t, [de!, fr!])).toBe(true);
  expect(await t.records({ dataset: 'other' })).toEqual([{ country: 'DE' }]);
});

test('what another dataset is published with while it is being removed stays', async () => {
  const d = { endpoint: '/d', keepVersions: 1, partitionBy: ONE_CHUNK };
  const t = await startDatasets({ datasets: { d, other: { ...d, endpoint: '/other' } } });
  t.put('/d', [{ v: 1 }]);
  await t.records();
  const old = await framesOf(t);
  await t.elapse(5_000);
  t.put('/d', [{ v: 2 }]);
  await t.records();
  t.put('/other', [{ v: 1 }]);
  const { releaseFrames } = t.store;
  let isPublished = false;
  t.store.releaseFrames = async (...released) => {
    // That no other version has it was seen just before.
    if (!isPublished) expect(await t.records({ dataset: 'other' })).toEqual([{ v: 1 }]);
    isPublished = true;
    await releaseFrames.apply(t.store, released);
  };
  await t.elapse(2 * HOUR_MS);
  await t.records();
  expect(isPublished).toBe(true);
  await t.elapse(2 * GRACE_MS);
  expect(await isStored(t, old)).toBe(true);
});

test('a current version whose partitions the store lost is cut anew, another one is no longer listed', async () => {
  const t = await startDatasets({ datasets: { d: { endpoint: '/d', partitionBy: ONE_CHUNK } } });
  t.put('/d', [{ v: 1 }]);
  await t.records();
  const before = await framesOf(t);
  await t.elapse(5_000);
  t.put('/d', [{ v: 2 }]);
  await t.records();
  await t.store.deleteFrames('api', [...before, ...(await framesOf(t))]);
  await t.elapse(2 * DAY_MS);
  await t.records();
  expect(await isStored(t, await framesOf(t))).toBe(true);
  expect((await t.service.versions('d')).versions).toHaveLength(1);
  expect(t.logged.error.join()).toContain('the store lost versions of a dataset');
});
