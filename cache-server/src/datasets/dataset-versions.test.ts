import { expect, test } from 'vitest';
import { NEVER, startDatasets } from '../get-dataset.fixture.ts';
import type { TestDatasets } from '../get-dataset.fixture.ts';

const ONE_CHUNK = { chunk: { records: 1000 } };

/** Lets the upstream give something else, and reads. */
async function step(t: TestDatasets, body: unknown): Promise<unknown> {
  await t.elapse(5_000);
  t.put('/d', body);
  return await t.records();
}

test('what was rolled back from does not come back by itself, also after another version was put aside', async () => {
  const d = { endpoint: '/d', drift: { requiredFields: ['name'] }, partitionBy: ONE_CHUNK };
  const t = await startDatasets({ datasets: { d } });
  const [first, bad, better] = ['first', 'bad', 'better'].map((name, v) => [{ v, name }]);
  await step(t, first);
  const { current } = await t.service.versions('d');
  await step(t, bad);
  await t.service.rollback('d', current);
  expect(await step(t, bad)).toEqual(first);
  expect(await step(t, [{ v: 3 }])).toEqual(first);
  expect(await step(t, bad)).toEqual(first);
  // Something newer ends the roll-back.
  expect(await step(t, better)).toEqual(better);
  expect(await step(t, bad)).toEqual(bad);
});

test('a version that was rolled back from can be made the current one again', async () => {
  const t = await startDatasets({ datasets: { d: { endpoint: '/d', partitionBy: ONE_CHUNK } } });
  await step(t, [{ v: 1 }]);
  await step(t, [{ v: 2 }]);
  const [second, first] = (await t.service.versions('d')).versions;
  await t.service.rollback('d', first!.version);
  expect(await step(t, [{ v: 2 }])).toEqual([{ v: 1 }]);
  await t.service.rollback('d', second!.version);
  expect(await step(t, [{ v: 2 }])).toEqual([{ v: 2 }]);
});

test('a version that was let go cannot be rolled back to, and the refusal names those that are kept', async () => {
  const t = await startDatasets({
    datasets: { d: { endpoint: '/d', keepVersions: 1, partitionBy: ONE_CHUNK } },
  });
  await step(t, [{ v: 1 }]);
  const { current: first } = await t.service.versions('d');
  await step(t, [{ v: 2 }]);
  const { current: second } = await t.service.versions('d');
  const refusal = t.service.rollback('d', first);
  await expect(refusal).rejects.toMatchObject({ code: 'bad-request' });
  await expect(refusal).rejects.toThrow(`kept are: ${second}`);
});

test('a comparison of records ends with its caller, or when its time is over', async () => {
  const d = { endpoint: '/d', key: 'v', partitionBy: ONE_CHUNK };
  const t = await startDatasets({ datasets: { d } });
  await step(t, [{ v: 1 }]);
  const { current: from } = await t.service.versions('d');
  await step(t, [{ v: 2 }]);
  const query = { dataset: 'd', from, to: '', keyFields: [], limit: 10 };
  expect((await t.service.diff(query, NEVER)).records).toMatchObject({ added: 1, removed: 1 });
  await expect(t.service.diff(query, AbortSignal.abort(new Error('left')))).rejects.toThrow('left');
  const readFrames = t.store.readFrames.bind(t.store);
  const stuck = Promise.withResolvers<void>();
  t.store.readFrames = async (...call) => {
    stuck.resolve();
    await new Promise(() => undefined);
    return await readFrames(...call);
  };
  const third = t.another();
  const late = third.diff(query, NEVER);
  await stuck.promise;
  t.clock.pass(60_000);
  await expect(late).rejects.toMatchObject({ code: 'deadline' });
});
