import { describe, expect, onTestFinished, test } from 'vitest';
import { NEVER, startDatasets, WHOLE } from '../get-dataset.fixture.ts';
import type { TestDatasets, TestDatasetsOptions } from '../get-dataset.fixture.ts';
import { SharedStore } from './shared-store.fixture.ts';

const PARTITIONS = 3;
const DAY_MS = 24 * 3600 * 1000;

interface Started extends TestDatasets {
  readonly shared: SharedStore;
}

/** A record for each partition. */
function edition(v: number): object[] {
  return Array.from({ length: PARTITIONS }, (_none, id) => ({ id, v, text: 'x'.repeat(400) }));
}

async function started(options: Partial<TestDatasetsOptions> = {}): Promise<Started> {
  const shared = new SharedStore();
  const d = { endpoint: '/d', partitionBy: { field: 'id' } };
  const e = { endpoint: '/e', partitionBy: { chunk: { records: 1_000 } }, refreshMs: DAY_MS };
  const t = await startDatasets({ datasets: { d, e }, store: shared.before, ...options });
  t.put('/d', edition(1));
  t.put('/e', edition(7));
  return { ...t, shared };
}

const hex = (digest: Uint8Array): string => Buffer.from(digest).toString('hex');

const cutsOf = ({ logged }: TestDatasets, dataset = 'd'): number =>
  logged.info.filter((line) => line.includes('dataset cut') && line.includes(`"${dataset}"`)).length;

/** The store loses partitions of the dataset `d` before it can be told that they are there, other than these. */
function loseOthers(t: Started, kept: readonly string[]): void {
  t.shared.onCall = async (method, [scope, digests]) => {
    if (method !== 'extendFrames' || (digests as Uint8Array[]).length !== PARTITIONS) return;
    const others = (digests as Uint8Array[]).filter((digest) => !kept.includes(hex(digest)));
    await t.store.deleteFrames(String(scope), others.slice(0, 1));
  };
  onTestFinished(() => keepAll(t));
}

function keepAll({ shared }: Started): void {
  shared.onCall = async () => undefined;
}

describe('a newer version that the store loses', () => {
  test.each([2 ** 26, 1_000])(
    'leaves readers the one at hand, and is not cut by each of them, with %i bytes of memory',
    async (makeshiftBytesMax) => {
      const t = await started({ makeshiftBytesMax });
      await t.records();
      const { version, partitions } = await t.service.describe('d', '', NEVER);
      loseOthers(
        t,
        partitions.map(({ digest }) => hex(digest)),
      );
      t.put('/d', edition(2));
      await t.elapse(2_000);
      for (let read = 0; read < 5; read += 1) expect(await t.records()).toEqual(edition(1));
      expect((await t.service.describe('d', '', NEVER)).version).toBe(version);
      expect(cutsOf(t)).toBe(2);
      // Five seconds after the first failure it is tried again, ten after the second one.
      await t.elapse(5_000);
      expect(await t.records()).toEqual(edition(1));
      await t.elapse(5_000);
      expect(await t.records()).toEqual(edition(1));
      expect(cutsOf(t)).toBe(3);
      keepAll(t);
      await t.elapse(5_000);
      expect(await t.records()).toEqual(edition(2));
    },
  );

  test('is read from memory, where of the one at hand something is lost, too', async () => {
    const t = await started();
    await t.records();
    const { scope, partitions } = await t.service.describe('d', '', NEVER);
    const kept = partitions.map(({ digest }) => hex(digest));
    loseOthers(t, kept);
    t.put('/d', edition(2));
    await t.elapse(2_000);
    expect(await t.records()).toEqual(edition(1));
    await t.store.deleteFrames(
      scope,
      partitions.map(({ digest }) => digest),
    );
    // A server that has none of it in memory.
    expect(await t.records({}, t.another())).toEqual(edition(2));
  });
});

describe('a first version that the store loses', () => {
  async function lost(): Promise<Started> {
    const t = await started();
    await t.records({ dataset: 'e' });
    loseOthers(t, []);
    const { version } = await t.service.describe('d', '', NEVER);
    expect(version).toMatch(/^content-/);
    return t;
  }

  test('is read from memory without being cut by each reader, until that was five seconds ago', async () => {
    const t = await lost();
    const cuts = cutsOf(t);
    for (let read = 0; read < 3; read += 1) expect(await t.records()).toEqual(edition(1));
    expect(cutsOf(t)).toBe(cuts);
    keepAll(t);
    await t.elapse(5_000);
    expect((await t.service.describe('d', '', NEVER)).version).not.toMatch(/^content-/);
    expect(await t.metrics.registry.metrics()).toMatch(/^test_dataset_makeshift_bytes 0$/m);
  });

  test('is not cut by each who asks for it, where it does not fit into memory either', async () => {
    const t = await started({ makeshiftBytesMax: 1_000 });
    loseOthers(t, []);
    const version = async (): Promise<string> => (await t.service.describe('d', '', NEVER)).version;
    await expect(version()).rejects.toMatchObject({ code: 'store' });
    const cuts = cutsOf(t);
    for (let time = 0; time < 3; time += 1) {
      await expect(version()).rejects.toMatchObject({ code: 'store', isLost: true });
      const read = t.service.read({ ...WHOLE, dataset: 'd', skipPartitions: 1 }, NEVER);
      await expect(read).rejects.toMatchObject({ code: 'store' });
    }
    expect(cutsOf(t)).toBe(cuts);
    // Who is given all of it while it is cut needs it nowhere else.
    expect(await t.records()).toEqual(edition(1));
    keepAll(t);
    await t.elapse(5_000);
    expect(await version()).not.toMatch(/^content-/);
  });

  test('is no reason to read another dataset from memory, or to call the store away', async () => {
    const t = await lost();
    expect(await t.records({ dataset: 'e' })).toEqual(edition(7));
    expect((await t.service.describe('e', '', NEVER)).version).not.toMatch(/^content-/);
    expect(cutsOf(t, 'e')).toBe(1);
    expect(t.logged.warn.filter((line) => line.includes('Redis is away'))).toEqual([]);
  });
});
