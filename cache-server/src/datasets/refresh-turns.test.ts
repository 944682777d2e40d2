import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { NEVER, startDatasets } from '../get-dataset.fixture.ts';
import type { TestDatasets } from '../get-dataset.fixture.ts';
import type { CutProgress, Datasets } from './dataset-service.ts';

const PARTITIONED = { endpoint: '/d', partitionBy: { chunk: { records: 1000 } } };

async function started(settings: object = {}): Promise<{ t: TestDatasets; servers: Datasets[] }> {
  // Bodies are not waited for, as they are for a moment of a clock that stands still.
  const limits = { inlineBytesMax: 1 };
  const t = await startDatasets({ datasets: { d: { ...PARTITIONED, ...settings } }, limits });
  return { t, servers: [t.service, t.another(), t.another()] };
}

const cuts = ({ logged }: TestDatasets): number =>
  logged.info.filter((line) => line.includes('dataset cut')).length;

/** What everybody gets who asks at once, a few at each server. */
async function readAll(t: TestDatasets, servers: readonly Datasets[]): Promise<unknown[]> {
  const readers = [...servers, ...servers, ...servers];
  return await Promise.all(readers.map(async (server) => await t.records({}, server)));
}

/** Lets a server do whatever it can do now. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** The lease of the dataset, once somebody has it. */
async function heldLease({ leases }: TestDatasets): Promise<string> {
  for (;;) {
    const [name] = leases.held();
    if (name !== undefined) return name;
    await turns();
  }
}

/** A document that begins and does not end before the test lets it. */
function putHeld(t: TestDatasets, rows: readonly object[]): () => void {
  const asked = Promise.withResolvers<ServerResponse>();
  const body = JSON.stringify(rows);
  t.put('/d', (_request: unknown, response: ServerResponse) => {
    response.writeHead(200, { 'cache-control': 'max-age=1', 'content-length': body.length }).write('[');
    asked.resolve(response);
  });
  return () => void asked.promise.then((response) => response.end(body.slice(1)));
}

test('readers of several servers cost one fetch and one cut, and a changed document one more', async () => {
  const { t, servers } = await started();
  t.put('/d', [{ v: 1 }]);
  expect(new Set((await readAll(t, servers)).map((rows) => JSON.stringify(rows)))).toEqual(
    new Set(['[{"v":1}]']),
  );
  expect([t.counts.get('/d'), cuts(t)]).toEqual([1, 1]);
  await t.elapse(5_000);
  t.put('/d', [{ v: 2 }]);
  for (const rows of await readAll(t, servers)) expect(rows).toEqual([{ v: 2 }]);
  expect([t.counts.get('/d'), cuts(t)]).toEqual([2, 2]);
  expect((await t.service.versions('d')).versions).toHaveLength(2);
  expect(t.leases.held()).toEqual([]);
});

test('a walk over pages is one for all servers', async () => {
  const pages = { next: { parameter: 'page', start: 1, total: '/total' } };
  const { t, servers } = await started({ records: '/items', pages, refreshMs: 60_000 });
  t.put('/d', { items: [{ v: 1 }], total: 1 });
  for (const rows of await readAll(t, servers)) expect(rows).toEqual([{ v: 1 }]);
  expect(cuts(t)).toBe(1);
  await t.elapse(60_000);
  for (const rows of await readAll(t, servers)) expect(rows).toEqual([{ v: 1 }]);
  expect(cuts(t)).toBe(2);
});

test('what another server has just been told is not asked for again, although it may not be used without asking', async () => {
  const { t, servers } = await started();
  t.put('/d', [{ v: 1 }], 'no-cache');
  for (const rows of await readAll(t, servers)) expect(rows).toEqual([{ v: 1 }]);
  expect([t.counts.get('/d'), cuts(t)]).toEqual([1, 1]);
});

test('nobody asks whose turn it is while there is nothing to cut', async () => {
  const { t, servers } = await started();
  t.put('/d', [{ v: 1 }], 'max-age=60');
  await t.records();
  await t.elapse(1_000);
  const asked = [...t.leases.asked];
  await readAll(t, servers);
  expect(t.leases.asked).toEqual(asked);
});

test('what is wrong with a document is told to the callers of each server', async () => {
  const { t, servers } = await started();
  t.put('/d', '[{"v":2},{]', 'max-age=60');
  for (const outcome of await Promise.allSettled(servers.map(async (server) => await t.records({}, server))))
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'bad-data' } });
  expect(t.leases.held()).toEqual([]);
});

test('a first version that is put aside is cut once, and all are told why', async () => {
  const { t, servers } = await started({ drift: { requiredFields: ['name'] } });
  t.put('/d', [{ v: 1 }], 'max-age=60');
  for (const outcome of await Promise.allSettled(servers.map(async (server) => await t.records({}, server))))
    expect(String((outcome as PromiseRejectedResult).reason)).toMatch(
      /first version is quarantined.*name is gone/,
    );
  expect(cuts(t)).toBe(1);
});

test('when whoever cuts falls silent another one goes on, and only one of the two publishes', async () => {
  const { t, servers } = await started();
  const end = putHeld(t, [{ v: 1 }]);
  const reading = servers.map(async (server) => await server.describe('d', '', NEVER));
  const name = await heldLease(t);
  // All others wait by now.
  while (t.leases.asked.length < servers.length) await turns();
  t.leases.expire(name);
  expect(await heldLease(t)).toBe(name);
  end();
  expect(new Set((await Promise.all(reading)).map(({ version }) => version)).size).toBe(1);
  expect(cuts(t)).toBe(2);
  expect((await t.service.versions('d')).versions).toHaveLength(1);
});

test('a server that was stopped does not publish what it cut over what is newer', async () => {
  const { t, servers } = await started();
  const [stopped = t.service, other = t.service] = servers;
  t.put('/d', [{ v: 0 }]);
  await t.records();
  await t.elapse(5_000);
  const end = putHeld(t, [{ v: 1 }]);
  const late = t.records({}, stopped);
  t.leases.expire(await heldLease(t));
  await t.generations.invalidate([{ kind: 'url', value: `${t.url}/d` }], 'hard');
  t.put('/d', [{ v: 2 }], 'max-age=60');
  expect(await t.records({}, other)).toEqual([{ v: 2 }]);
  end();
  expect(await late).toEqual([{ v: 2 }]);
  expect(await t.records({}, other)).toEqual([{ v: 2 }]);
  expect((await t.service.versions('d')).versions.map(({ records }) => records)).toEqual([1, 1]);
});

test('while control is away each server cuts for itself', async () => {
  const { t, servers } = await started();
  t.leases.failure = new Error('away');
  t.put('/d', [{ v: 1 }], 'max-age=60');
  const versions = await Promise.all(servers.map(async (server) => await server.describe('d', '', NEVER)));
  expect(versions.map(({ records }) => records)).toEqual([1, 1, 1]);
  expect(cuts(t)).toBe(servers.length);
});

test('a server does not wait for another one longer than a fetch may take', async () => {
  const t = await startDatasets({ datasets: { d: PARTITIONED }, limits: { fetchDeadlineMs: 5_000 } });
  t.put('/d', [{ v: 1 }]);
  await t.records();
  await t.elapse(5_000);
  const [name = ''] = t.leases.asked;
  const { token } = await t.leases.take(name);
  t.put('/d', [{ v: 2 }], 'max-age=60');
  const job = t.service.warm('d', NEVER, () => undefined);
  // The reader is there as long as the job waits.
  while (t.leases.asked.length < 3) await turns();
  for (let beat = 0; beat < 5; beat += 1) {
    await turns();
    expect(cuts(t)).toBe(1);
    expect(await t.leases.renew(name, token)).toBe(true);
    t.clock.pass(1_000);
  }
  await job;
  expect(cuts(t)).toBe(2);
  expect(await t.records()).toEqual([{ v: 2 }]);
});

test('a job waits for the server that cuts, and tells what came of it', async () => {
  const { t, servers } = await started();
  const end = putHeld(t, [{ v: 1 }, { v: 2 }]);
  const reading = t.records();
  await heldLease(t);
  const told: CutProgress[] = [];
  const job = servers[1]?.warm('d', NEVER, (progress) => told.push(progress));
  while (t.leases.asked.length < 2) await turns();
  end();
  await job;
  expect(told).toEqual([{ bytes: 0, bytesTotal: 0, records: 2, partitions: 1 }]);
  expect(await reading).toHaveLength(2);
  expect(cuts(t)).toBe(1);
});
