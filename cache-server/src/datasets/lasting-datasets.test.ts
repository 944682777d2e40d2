import { decodeFrame, decodeRecords } from '@pannier/proto/partition-format';
import { describe, expect, test } from 'vitest';
import type { DatasetRead } from './dataset-service.ts';
import { NEVER, startDatasets, WHOLE } from '../get-dataset.fixture.ts';
import type { TestDatasets, TestDatasetsOptions } from '../get-dataset.fixture.ts';
import { SharedStore } from './shared-store.fixture.ts';

const DAY_MS = 24 * 3600 * 1000;
const PARTITIONS = 12;
const READERS = 100;
interface Started extends TestDatasets {
  readonly shared: SharedStore;
  readonly makeshiftBytes: () => Promise<number>;
}

/** A dataset of twelve partitions, of one record each. */
function edition(v: number, textBytes = 100): object[] {
  return Array.from({ length: PARTITIONS }, (_none, id) => ({ id, v, text: 'x'.repeat(textBytes) }));
}

async function started(settings: object = {}, options: Partial<TestDatasetsOptions> = {}): Promise<Started> {
  const shared = new SharedStore();
  const d = { endpoint: '/d', partitionBy: { field: 'id' }, ...settings };
  const t = await startDatasets({ datasets: { d }, store: shared.before, ...options });
  t.put('/d', edition(1));
  const makeshiftBytes = async (): Promise<number> => {
    const page = await t.metrics.registry.metrics();
    return Number(/^test_dataset_makeshift_bytes (\d+)/m.exec(page)?.[1]);
  };
  return { ...t, shared, makeshiftBytes };
}

/** Editions and ids, as they come; `onPart` is told how many came. */
async function idsOf(
  read: DatasetRead,
  onPart: (count: number) => void = () => undefined,
): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const { sent } of read.parts()) {
    if (sent === undefined) continue;
    const { scope } = read;
    const options = { scope, digest: sent.digest, contentBytesMax: 2 ** 20 };
    const rows = decodeRecords(await decodeFrame(sent.frame, options)) as { id: number; v: number }[];
    seen.push(...rows.map(({ id, v }) => `${v}/${id}`));
    onPart(seen.length);
  }
  return seen;
}

function all(v: number): string[] {
  return Array.from({ length: PARTITIONS }, (_none, id) => `${v}/${id}`);
}

/** Sorted, since partitions of a version that is being cut come in an order of their own. */
function inOrder(ids: readonly unknown[]): unknown[] {
  return ids.toSorted(
    (one, other) => Number(String(one).split('/')[1]) - Number(String(other).split('/')[1]),
  );
}

describe('while the store is away', () => {
  test('a herd of readers gets what the upstream has, by one fetch', async () => {
    const t = await started();
    t.shared.takeAway();
    const herd = await Promise.all(Array.from({ length: READERS }, async () => await t.records()));
    for (const rows of herd) expect(rows).toEqual(edition(1));
    expect(t.counts.get('/d')).toBe(1);
    expect(t.logged.info.filter((line) => line.includes('dataset cut'))).toHaveLength(1);
  });

  test('that is known once: no read asks it for versions or partitions any more', async () => {
    const t = await started();
    t.shared.takeAway();
    await t.records();
    t.shared.calls.length = 0;
    for (let round = 0; round < 5; round += 1) expect(await t.records()).toEqual(edition(1));
    expect(t.shared.calls.filter(([, about]) => about.includes(':dataset:'))).toEqual([]);
  });

  test('what it still can do is left to it: one that cannot be written is read', async () => {
    const t = await started();
    await t.records();
    t.shared.fails = (method) => method.startsWith('write');
    expect(await t.records()).toEqual(edition(1));
    expect(await t.makeshiftBytes()).toBe(0);
    t.put('/d', edition(2));
    await t.elapse(5_000);
    expect(await t.records()).toEqual(edition(2));
    expect(await t.makeshiftBytes()).toBeGreaterThan(0);
  });

  test('a purge holds: what was cut before is not read after it', async () => {
    const t = await started({ refreshMs: DAY_MS });
    t.shared.takeAway();
    expect(await t.records()).toEqual(edition(1));
    t.put('/d', edition(2));
    expect(await t.records()).toEqual(edition(1));
    await t.generations.invalidate([{ kind: 'dataset', value: 'd' }], 'hard');
    expect(await t.records()).toEqual(edition(2));
  });

  test('a document whose beginning is in memory, and whose rest only the store has, is fetched anew', async () => {
    const t = await started({}, { limits: { partitionBytes: 4096 } });
    const document = edition(1, 20_000);
    t.put('/d', document, 'max-age=600');
    const first = async (): Promise<unknown> => await t.records({ partitions: ['0'] });
    await first();
    await t.elapse(1_000);
    await first();
    t.shared.fails = (method) => method === 'readFrames' || method.startsWith('write');
    for (let round = 0; round < 3; round += 1) expect(await t.records()).toEqual(document);
  });

  test('watchers are not told of versions that no other server knows', async () => {
    const t = await started();
    t.shared.takeAway();
    await t.records();
    expect(t.generations.eventsAfter({ ...t.generations.position, sequence: 0 }).events).toEqual([]);
  });

  test('what is wrong with the upstream is told, not that the store is away', async () => {
    const t = await started();
    t.shared.takeAway();
    t.put('/d', '{"broken":');
    await expect(t.records()).rejects.toMatchObject({ code: 'bad-data' });
    await expect(t.records({ fields: ['none'] })).rejects.toMatchObject({ code: 'bad-data' });
    t.put('/d', edition(1));
    await t.elapse(600_000);
    await expect(t.records({ fields: ['none'] })).rejects.toMatchObject({ code: 'bad-request' });
  });

  test('a dataset that memory has no room for fails as the store does, and is not fetched again at once', async () => {
    const t = await started({}, { makeshiftBytesMax: 4_096 });
    t.shared.takeAway();
    await expect(t.records()).rejects.toMatchObject({ code: 'store' });
    const fetched = t.counts.get('/d');
    await expect(t.records()).rejects.toMatchObject({ code: 'store', message: /on purpose/ });
    expect(t.counts.get('/d')).toBe(fetched);
  });

  test('operators are told that it is', async () => {
    const t = await started();
    await t.records();
    t.shared.takeAway();
    await t.records();
    await expect(t.service.versions('d')).rejects.toMatchObject({ code: 'store' });
    await expect(t.service.warm('d', NEVER, () => undefined)).rejects.toMatchObject({ code: 'store' });
  });
});

test('once it is back it is used again, and nothing is kept in memory', async () => {
  const t = await started();
  t.shared.takeAway();
  await t.records();
  expect(await t.makeshiftBytes()).toBeGreaterThan(PARTITIONS * 100);
  t.clock.pass(5_000);
  expect(await t.records()).toEqual(edition(1));
  expect(await t.makeshiftBytes()).toBeGreaterThan(0);
  t.shared.giveBack();
  t.clock.pass(5_000);
  await expect.poll(t.makeshiftBytes).toBe(0);
  t.put('/d', edition(2));
  expect(await t.records()).toEqual(edition(2));
  expect((await t.service.versions('d')).versions).toHaveLength(1);
});

describe('a read that has begun', () => {
  /** The server that cut it has the first partitions in memory, this one has none. */
  async function begunElsewhere(v: number): Promise<Started & { reader: TestDatasets['service'] }> {
    const t = await started();
    t.put('/d', edition(v));
    await t.records();
    return { ...t, reader: t.another() };
  }

  test('goes on where the store cannot, behind what was sent', async () => {
    const t = await begunElsewhere(1);
    const read = await t.reader.read(WHOLE, NEVER);
    const ids = await idsOf(read, (count) => {
      if (count === 3) t.shared.takeAway();
    });
    expect(ids).toEqual(all(1));
  });

  test('breaks off when the upstream has something else by now, and is never of two versions', async () => {
    const t = await begunElsewhere(1);
    const read = await t.reader.read(WHOLE, NEVER);
    t.put('/d', edition(2));
    const seen: unknown[] = [];
    const reading = idsOf(read, () => {
      seen.push('part');
      t.shared.takeAway();
    });
    await expect(reading).rejects.toMatchObject({ code: 'store' });
    expect(seen.length).toBeLessThan(PARTITIONS);
    expect(await idsOf(await t.reader.read(WHOLE, NEVER))).toEqual(all(2));
  });

  test('has not, before its first partition is there: it may be of a newer version', async () => {
    const t = await begunElsewhere(1);
    t.put('/d', edition(2));
    await t.elapse(5_000);
    t.shared.fails = (method) => method === 'readFrames' || method === 'writeFrames';
    const read = await t.reader.read(WHOLE, NEVER);
    expect(await idsOf(read)).toEqual(all(2));
  });

  test.each([0, 5])(
    'on a first version goes on when the store is full after %i partitions',
    async (written) => {
      const t = await started();
      let frames = 0;
      t.shared.fails = (method, about) => method === 'writeFrames' && about === 'api' && ++frames > written;
      const read = await t.service.read(WHOLE, NEVER);
      expect(inOrder(await idsOf(read))).toEqual(all(1));
    },
  );

  test.each([0, 9])('goes on when partition %i was lost: it is cut anew, into the store', async (lost) => {
    const t = await begunElsewhere(1);
    const { version, partitions, scope } = await t.reader.describe('d', '', NEVER);
    const { digest } = partitions[lost]!;
    await t.store.deleteFrames(scope, [digest]);
    const herd = Array.from({ length: 5 }, async () => await idsOf(await t.reader.read(WHOLE, NEVER)));
    for (const ids of await Promise.all(herd)) expect(ids).toEqual(all(1));
    expect((await t.reader.describe('d', '', NEVER)).version).toBe(version);
    expect(await t.store.readFrames(scope, [digest])).not.toEqual([undefined]);
    expect(await t.makeshiftBytes()).toBe(0);
  });

  test('goes on in memory when a partition that was cut anew is lost again', async () => {
    const t = await begunElsewhere(1);
    const { partitions, scope } = await t.reader.describe('d', '', NEVER);
    const { digest } = partitions[9]!;
    let lost = 0;
    t.shared.onCall = async (method, [, digests]) => {
      if (method !== 'readFrames' || !(digests as Buffer[]).some((one) => one.equals(digest))) return;
      lost += 1;
      await t.store.deleteFrames(scope, [digest]);
    };
    expect(await idsOf(await t.reader.read(WHOLE, NEVER))).toEqual(all(1));
    expect(lost).toBe(2);
  });

  test('ends with what the store says of a lost partition that the upstream has no more', async () => {
    const t = await begunElsewhere(1);
    const { version, partitions, scope } = await t.reader.describe('d', '', NEVER);
    await t.elapse(5_000);
    t.put('/d', edition(2));
    await t.store.deleteFrames(scope, [partitions[9]!.digest]);
    const read = await t.reader.read({ ...WHOLE, version }, NEVER);
    await expect(idsOf(read)).rejects.toMatchObject({ code: 'store', isLost: true });
    expect(await t.makeshiftBytes()).toBe(0);
  });
});

describe('a version that goes by its content', () => {
  test('is the same at every server, also at one that can reach the store', async () => {
    const t = await started();
    const other = t.another();
    t.shared.takeAway();
    const { version } = await t.service.describe('d', '', NEVER);
    expect(version).toMatch(/^content-/);
    const rest = await other.read({ ...WHOLE, version, skipPartitions: 5 }, NEVER);
    expect([rest.version, await idsOf(rest)]).toEqual([version, all(1).slice(5)]);
    t.shared.giveBack();
    t.clock.pass(5_000);
    await expect.poll(t.makeshiftBytes).toBe(0);
    const after = await t.service.read({ ...WHOLE, version, skipPartitions: 7 }, NEVER);
    expect([after.version, await idsOf(after)]).toEqual([version, all(1).slice(7)]);
    expect((await t.service.describe('d', version, NEVER)).version).toBe(version);
  });

  test('is never another one: what is not there any more is not found', async () => {
    const t = await started();
    t.shared.takeAway();
    const { version } = await t.service.describe('d', '', NEVER);
    t.shared.giveBack();
    t.clock.pass(5_000);
    await expect.poll(t.makeshiftBytes).toBe(0);
    t.put('/d', edition(2));
    await expect(t.service.read({ ...WHOLE, version }, NEVER)).rejects.toMatchObject({ code: 'not-found' });
  });

  test('is read on while a newer one is current', async () => {
    const t = await started();
    t.shared.takeAway();
    const { version } = await t.service.describe('d', '', NEVER);
    t.put('/d', edition(2));
    expect(await t.records()).toEqual(edition(2));
    expect(await idsOf(await t.service.read({ ...WHOLE, version }, NEVER))).toEqual(all(1));
  });
});
