import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { NEVER, startDatasets } from '../get-dataset.fixture.ts';
import type { TestDatasets } from '../get-dataset.fixture.ts';
import { SharedStore } from './shared-store.fixture.ts';

const PARTITIONS = 12;
const READERS = 20;

interface Started extends TestDatasets {
  readonly shared: SharedStore;
}

async function started(settings: object = {}): Promise<Started> {
  const shared = new SharedStore();
  const d = { endpoint: '/d', partitionBy: { field: 'id' }, ...settings };
  // Bodies are not waited for, as they are for a moment of a clock that stands still.
  const limits = { inlineBytesMax: 1 };
  return { ...(await startDatasets({ datasets: { d }, limits, store: shared.before })), shared };
}

/** A record for each partition. */
function edition(v: number): object[] {
  return Array.from({ length: PARTITIONS }, (_none, id) => ({ id, v }));
}

async function herd(t: TestDatasets): Promise<PromiseSettledResult<unknown>[]> {
  return await Promise.allSettled(Array.from({ length: READERS }, async () => await t.records()));
}

function allGot(rows: object[]): unknown[] {
  return Array.from({ length: READERS }, () => ({ status: 'fulfilled', value: rows }));
}

/** What a herd gets of a document, when this happens while it is cut: between its beginning and its end. */
async function readWhile(t: TestDatasets, rows: object[], happens: () => Promise<void>): Promise<unknown[]> {
  const asked = Promise.withResolvers<ServerResponse>();
  const body = JSON.stringify(rows);
  t.put('/d', (_request: unknown, response: ServerResponse) => {
    response.writeHead(200, { 'cache-control': 'no-cache', 'content-length': body.length }).write('[');
    asked.resolve(response);
  });
  const reading = herd(t);
  const response = await asked.promise;
  while (t.leases.held().every((name) => !name.includes(':dataset:')))
    await new Promise((resolve) => setImmediate(resolve));
  await happens();
  response.end(body.slice(1));
  return await reading;
}

/** The lease of the dataset is lost, as a Redis loses it that evicts. */
function loseTurn({ leases }: TestDatasets): void {
  for (const name of leases.held()) leases.expire(name);
}

async function purge(t: TestDatasets): Promise<void> {
  const targets = [
    { kind: 'dataset', value: 'd' },
    { kind: 'url', value: `${t.url}/d` },
  ] as const;
  await t.generations.invalidate(targets, 'hard');
}

describe('a read of a version that is being cut, while the turn to publish it is lost,', () => {
  test('is whole, though that version is cut again under another name', async () => {
    const t = await started();
    const got = await readWhile(t, edition(1), async () => {
      loseTurn(t);
      t.put('/d', edition(1));
    });
    expect(got).toEqual(allGot(edition(1)));
    expect(t.logged.info.filter((line) => line.includes('dataset cut'))).toHaveLength(2);
  });

  test('is whole, though the upstream has something else by then, which is what the next one gets', async () => {
    const t = await started();
    const got = await readWhile(t, edition(1), async () => {
      loseTurn(t);
      t.put('/d', edition(2));
    });
    expect(got).toEqual(allGot(edition(1)));
    expect(await t.records()).toEqual(edition(2));
  });

  test('is told of a purge by an error, where the upstream has something else', async () => {
    const t = await started();
    const got = await readWhile(t, edition(1), async () => {
      loseTurn(t);
      await purge(t);
      t.put('/d', edition(2));
    });
    const told = expect.stringMatching(/^version .* was not published$/) as unknown;
    for (const one of got)
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'bad-data', message: told } });
    expect(await t.records()).toEqual(edition(2));
  });

  test('is whole after a purge, where the upstream has the same again', async () => {
    const t = await started();
    const got = await readWhile(t, edition(1), async () => {
      loseTurn(t);
      await purge(t);
      t.put('/d', edition(1));
    });
    expect(got).toEqual(allGot(edition(1)));
  });

  test('is told that it is put aside', async () => {
    const t = await started({ drift: { requiredFields: ['name'] } });
    const got = await readWhile(t, edition(1), async () => {
      loseTurn(t);
      t.put('/d', edition(1));
    });
    const told = expect.stringContaining('its first version is quarantined') as unknown;
    for (const one of got) expect(one).toMatchObject({ status: 'rejected', reason: { message: told } });
  });
});

/** The store loses partitions before it can be told that they are there. */
function losePartitions(t: Started, times: number): () => number {
  let lost = 0;
  t.shared.onCall = async (method, [scope, digests]) => {
    if (method !== 'extendFrames' || (digests as Uint8Array[]).length !== PARTITIONS || lost >= times) return;
    lost += 1;
    await t.store.deleteFrames(String(scope), (digests as Uint8Array[]).slice(0, 3));
  };
  return () => lost;
}

test.each([1, Infinity])(
  'a store that loses partitions of what is published, %s times, costs no reader anything',
  async (times) => {
    const t = await started();
    const lost = losePartitions(t, times);
    const got = await readWhile(t, edition(1), async () => {
      t.put('/d', edition(2));
    });
    expect(got).toEqual(allGot(edition(1)));
    expect(lost()).toBe(1);
    for (let round = 0; round < 3; round += 1) expect(await herd(t)).toEqual(allGot(edition(2)));
    const { partitions } = await t.service.describe('d', '', NEVER);
    expect(partitions).toHaveLength(PARTITIONS);
  },
);
