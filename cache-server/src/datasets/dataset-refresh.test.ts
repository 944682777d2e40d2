import type { ServerResponse } from 'node:http';
import { expect, test, vi } from 'vitest';
import { NEVER, startDatasets } from '../get-dataset.fixture.ts';
import type { TestDatasets } from '../get-dataset.fixture.ts';

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

const cuts = ({ logged }: TestDatasets): number =>
  logged.info.filter((line) => line.includes('dataset cut')).length;
const failures = ({ logged }: TestDatasets): string[] =>
  logged.error.filter((line) => line.includes('dataset not'));

test('a document that is wrong is cut once, not by each read, and what comes after it is taken', async () => {
  const t = await startDatasets({ datasets: { d: { endpoint: '/d', partitionBy: ONE_CHUNK } } });
  t.put('/d', '[{"v":1}]');
  await t.records();
  await t.elapse(5_000);
  t.put('/d', '[{"v":2},{]', 'max-age=3600');
  for (let read = 0; read < 5; read += 1) expect(await t.records()).toEqual([{ v: 1 }]);
  expect(failures(t)).toHaveLength(1);
  expect(t.counts.get('/d')).toBe(2);
  t.put('/d', '[{"v":3}]');
  await t.elapse(3_600_000);
  expect(await t.records()).toEqual([{ v: 3 }]);
});

test('a first document that is wrong is told to each reader without being cut again, until there is another', async () => {
  const t = await startDatasets({ datasets: { d: { endpoint: '/d', partitionBy: ONE_CHUNK } } });
  t.put('/d', '[{"v":2},{]', 'max-age=3');
  for (let read = 0; read < 5; read += 1) await expect(t.records()).rejects.toThrow('breaks off in record 2');
  expect(failures(t)).toHaveLength(1);
  t.put('/d', '[{"v":3}]');
  await t.elapse(4_000);
  expect(await t.records()).toEqual([{ v: 3 }]);
});

test.each(['max-age=3600', 'max-age=0'])(
  'a first version that is put aside is put aside once, its document being %s',
  async (cacheControl) => {
    const d = { endpoint: '/d', drift: { requiredFields: ['name'] }, partitionBy: ONE_CHUNK };
    const t = await startDatasets({ datasets: { d } });
    t.put('/d', [{ v: 1 }], cacheControl);
    for (let read = 0; read < 4; read += 1)
      await expect(t.service.describe('d', '', NEVER)).rejects.toThrow(
        /first version is quarantined.*name is gone/,
      );
    expect((await t.service.versions('d')).versions).toHaveLength(1);
    if (cacheControl === 'max-age=3600') expect(cuts(t)).toBe(1);
  },
);

test('readers wait for an upstream that hangs no longer than three seconds when there is a version at hand', async () => {
  const d = { endpoint: '/d', refreshMs: 1_000, partitionBy: ONE_CHUNK };
  const t = await startDatasets({ datasets: { d } });
  t.put('/d', [{ v: 1 }]);
  await t.records();
  await t.elapse(5_000);
  const hanging = Promise.withResolvers<() => void>();
  t.put('/d', (_request: unknown, response: { end(body: string): void }) =>
    hanging.resolve(() => response.end('[{"v":2}]')),
  );
  const first = t.records();
  const answer = await hanging.promise;
  t.clock.pass(3_000);
  expect(await first).toEqual([{ v: 1 }]);
  expect(await t.records()).toEqual([{ v: 1 }]);
  // It goes on without them.
  answer();
  await vi.waitFor(async () => expect(await t.records()).toEqual([{ v: 2 }]), { timeout: 20_000 });
});

test('an upstream that fails is not asked by each read when there is a version at hand', async () => {
  const t = await startDatasets({ datasets: { d: { endpoint: '/d', partitionBy: ONE_CHUNK } } });
  t.put('/d', [{ v: 1 }]);
  await t.records();
  await t.elapse(5_000);
  t.put(
    '/d',
    (_request: unknown, response: ServerResponse) =>
      void response.writeHead(500, { 'cache-control': 'no-store' }).end(),
  );
  for (let read = 0; read < 5; read += 1) expect(await t.records()).toEqual([{ v: 1 }]);
  expect(t.counts.get('/d')).toBe(2);
  t.put('/d', [{ v: 2 }]);
  await t.elapse(5_000);
  expect(await t.records()).toEqual([{ v: 2 }]);
});
