import { afterEach, describe, expect, test } from 'vitest';
import { connect } from './connect.ts';
import { DatasetShelf, rowsOf, shelfScript } from './dataset-shelf.fixture.ts';
import type { ShelfRow, ShelfVersion } from './dataset-shelf.fixture.ts';
import type { Dataset } from './dataset.ts';
import { scriptedError } from './transport/scripted-server.fixture.ts';
import { codeOf, endAll, endWithTest, serve } from './transport/scripted-test.fixture.ts';

afterEach(endAll);

const NAMES = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7'];
const FIRST: ShelfVersion = { names: NAMES, edition: 1 };
const SECOND: ShelfVersion = { names: NAMES, edition: 2 };

async function rig(servers = 1): Promise<{ shelf: DatasetShelf; dataset: Dataset<ShelfRow> }> {
  const shelf = new DatasetShelf();
  shelf.publish('v1', FIRST);
  const running = await Promise.all(
    Array.from({ length: servers }, async () => await serve(shelfScript(shelf))),
  );
  const client = connect(
    running.map(({ address }) => address),
    { nearCacheBytesMax: 0 },
  );
  endWithTest(() => client.close());
  return { shelf, dataset: client.dataset<ShelfRow>('rows') };
}

describe('a version that no server has any more when it is named', () => {
  test.each(['describe', 'read'])('is read anew by several readers: lost before %s', async (call) => {
    const { shelf, dataset } = await rig();
    shelf.before = (asked) => {
      if (asked === `${call} v1`) shelf.replace('v2', SECOND);
    };
    expect(await Array.fromAsync(dataset.records({}, { readers: 4 }))).toEqual(rowsOf(SECOND));
  });

  test('is planned anew for shards', async () => {
    const { shelf, dataset } = await rig();
    shelf.before = (asked) => {
      if (asked === 'describe v1') shelf.replace('v2', SECOND);
    };
    const shards = await dataset.shards(2);
    expect(shards.map(({ version }) => version)).toEqual(['v2', 'v2']);
  });

  test('is not planned anew for a shard that was given out: its version is what makes it that shard', async () => {
    const { shelf, dataset } = await rig();
    const [shard] = await dataset.shards(2);
    shelf.replace('v2', SECOND);
    expect(await codeOf(Array.fromAsync(shard!))).toBe('not-found');
    const elsewhere = { version: 'v1', shard: { index: 1, of: 2 } };
    expect(await codeOf(Array.fromAsync(dataset.records({}, elsewhere)))).toBe('not-found');
  });

  test.each([1, 4])('is not found, at once, where the caller named it: readers %i', async (readers) => {
    const { shelf, dataset } = await rig();
    shelf.replace('v2', SECOND);
    expect(await codeOf(Array.fromAsync(dataset.records({}, { readers, version: 'v1' })))).toBe('not-found');
    expect(shelf.asked).toHaveLength(1);
  });

  test.each([1, 4])(
    'is not what an unknown dataset is: that is asked for once: readers %i',
    async (readers) => {
      const { shelf, dataset } = await rig();
      shelf.versions.clear();
      expect(await codeOf(Array.fromAsync(dataset.records({}, { readers })))).toBe('not-found');
      expect(shelf.asked).toEqual(['read -']);
    },
  );

  test('is given up where every one is lost as soon as it is told, within the time that the caller allows', async () => {
    const { shelf, dataset } = await rig();
    let published = 1;
    shelf.before = (asked) => {
      if (asked.startsWith('describe')) shelf.replace(`v${(published += 1)}`, SECOND);
    };
    const reading = Array.fromAsync(dataset.records({}, { readers: 4, resumeWithinMs: 1000 }));
    expect(await codeOf(reading)).toBe('not-found');
    const asked = shelf.asked.length;
    expect(asked).toBeGreaterThan(2);
    expect(asked).toBeLessThan(20);
    const ended = new AbortController();
    const aborted = codeOf(Array.fromAsync(dataset.records({}, { readers: 4, signal: ended.signal })));
    await expect.poll(() => shelf.asked.length).toBeGreaterThan(asked + 1);
    ended.abort('enough');
    expect(await aborted).toBe('enough');
  });
});

describe('a version that is lost while several readers read it, after something of it was given to the caller,', () => {
  /** The first partition comes, then the version is replaced, and the reader of `p1` has to ask again. */
  async function lostMidway(content: ShelfVersion): Promise<Dataset<ShelfRow>> {
    const { shelf, dataset } = await rig(2);
    shelf.sending = async (name, server) => {
      if (name !== 'p1' || shelf.current !== 'v1') return;
      await given.promise;
      shelf.replace('v2', content);
      server.kill();
    };
    return dataset;
  }
  let given = Promise.withResolvers<void>();
  afterEach(() => (given = Promise.withResolvers<void>()));

  async function readMidway(dataset: Dataset<ShelfRow>, rows: ShelfRow[]): Promise<void> {
    for await (const row of dataset.records({}, { readers: 2 })) {
      rows.push(row);
      given.resolve();
    }
  }

  test('goes on as another one with the same content, every record once', async () => {
    const dataset = await lostMidway(FIRST);
    const rows: ShelfRow[] = [];
    await readMidway(dataset, rows);
    expect(rows).toEqual(rowsOf(FIRST));
  });

  test.each([
    ['other rows', SECOND],
    ['fewer partitions', { ...FIRST, names: NAMES.slice(0, 6) }],
  ])('is broken where the next one has %s', async (_what, content) => {
    const dataset = await lostMidway(content);
    const rows: ShelfRow[] = [];
    expect(await codeOf(readMidway(dataset, rows))).toMatch(/^(not-found|body-broken)$/);
    expect(rows).toEqual(rowsOf(FIRST).slice(0, rows.length));
    expect(rows.length).toBeGreaterThan(0);
  });
});

describe('a version that a reader was told, and whose server left,', () => {
  async function lostBefore(
    before: string,
    next = SECOND,
  ): Promise<{ shelf: DatasetShelf; dataset: Dataset<ShelfRow> }> {
    const { shelf, dataset } = await rig(2);
    shelf.sending = (name) => {
      if (name !== before || shelf.current !== 'v1') return;
      shelf.replace('v2', next);
      throw scriptedError('draining', 'the server is shutting down');
    };
    return { shelf, dataset };
  }

  test('is read anew when nothing of it has come', async () => {
    const { shelf, dataset } = await lostBefore('p0');
    expect(await Array.fromAsync(dataset.records())).toEqual(rowsOf(SECOND));
    expect(shelf.asked).toEqual(['read -', 'read v1', 'read -']);
  });

  test('goes on as another one that begins with the same partitions, every record once', async () => {
    const longer = { ...FIRST, names: [...NAMES, 'p8'] };
    const { shelf, dataset } = await lostBefore('p3', longer);
    expect(await Array.fromAsync(dataset.records())).toEqual(rowsOf(longer));
    expect(shelf.asked).toEqual(['read -', 'read v1', 'read -']);
  });

  test.each([
    ['has other rows', SECOND],
    ['has another partition before', { ...FIRST, names: ['o9', ...NAMES] }],
    ['has fewer than were given', { ...FIRST, names: NAMES.slice(0, 2) }],
  ])('breaks the read when something of it has come, and the next one %s', async (_what, content) => {
    const { dataset } = await lostBefore('p3', content);
    const rows: ShelfRow[] = [];
    const reading = (async () => {
      for await (const row of dataset.records()) rows.push(row);
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'body-broken',
      message: expect.stringContaining('has no version v1') as string,
    });
    expect(rows).toEqual(rowsOf(FIRST).slice(0, 3));
  });
});

describe.each([1, 2])('a version that is lost again and again: readers %i', (readers) => {
  /** A partition is lost when the caller has the one before: `once`, or every time that it is asked for. */
  async function readWithLosses(names: readonly string[], once: boolean): Promise<[ShelfRow[], string]> {
    const { shelf, dataset } = await rig();
    const had = NAMES.map(() => Promise.withResolvers<void>());
    const waiting = new Set(names);
    let versions = 1;
    shelf.sending = async (name) => {
      if (!waiting.has(name)) return;
      const version = shelf.current;
      await had[NAMES.indexOf(name) - 1]!.promise;
      // Otherwise its reader has left: another one's partition was lost first.
      if (version !== shelf.current) return;
      if (once) waiting.delete(name);
      shelf.replace(`v${(versions += 1)}`, FIRST);
      throw scriptedError('not-found', `dataset rows has no version ${version}`);
    };
    const rows: ShelfRow[] = [];
    const reading = (async () => {
      for await (const row of dataset.records({}, { readers, resumeWithinMs: 1000 })) {
        rows.push(row);
        had[NAMES.indexOf(row.part)]!.resolve();
      }
    })();
    const code = await codeOf(reading);
    expect(versions).toBeGreaterThan(2);
    return [rows, code];
  }

  // Seven waits, each twice the one before, would be longer than the second that one loss may take.
  test('is read to its end when a partition comes in between', async () => {
    const [rows, code] = await readWithLosses(NAMES.slice(1), true);
    expect(code).toBe('no failure');
    expect(rows).toEqual(rowsOf(FIRST));
  });

  test('is given up when only those come again that the caller has', async () => {
    const [rows, code] = await readWithLosses(['p3'], false);
    expect(code).toMatch(/^(not-found|body-broken)$/);
    expect(rows).toEqual(rowsOf(FIRST).slice(0, 3));
  });
});
