import type { RecordValue } from '@pannier/proto/partition-format';
import { expect, test } from 'vitest';
import type { FieldStatistics } from '../read/field-statistics.ts';
import { declaredFields } from './declared-fields.ts';
import { driftReasons } from './drift-gate.ts';
import { diffRecords } from './version-diff.ts';
import { EMPTY_SHELF, pinned, rolledBack, shelve } from './version-shelf.ts';
import type { VersionShelf } from './version-shelf.ts';

function shelfOf(names: readonly string[], keep: number): VersionShelf {
  let shelf = EMPTY_SHELF;
  for (const version of names) {
    const quarantineReason = version.startsWith('q') ? 'drifted' : '';
    shelf = shelve(shelf, { version, publishedAtMs: 0, records: 1, quarantineReason }, keep);
  }
  return shelf;
}

const NEVER = new AbortController().signal;

const names = ({ versions }: VersionShelf): string[] => versions.map(({ version }) => version);

test('versions that were put aside drive out none that can be read, and are bounded themselves', () => {
  expect(names(shelfOf(['g1', 'g2', 'g3', 'q1', 'q2'], 3))).toEqual(['q2', 'q1', 'g3', 'g2', 'g1']);
  expect(names(shelfOf(['g1', 'q1', 'q2', 'q3'], 2))).toEqual(['q3', 'q2', 'g1']);
  expect(shelfOf(['g1', 'q1'], 2).current).toBe('g1');
});

test('pinned and current versions are kept, and unknown ones are refused by name', () => {
  let shelf = pinned(shelfOf(['g1'], 2), 'g1', true);
  for (const version of ['g2', 'g3', 'g4'])
    shelf = shelve(shelf, { version, publishedAtMs: 0, records: 1, quarantineReason: '' }, 2);
  expect(names(shelf)).toEqual(['g4', 'g3', 'g1']);
  expect(rolledBack(shelf, 'g1').current).toBe('g1');
  expect(() => rolledBack(shelf, 'g2')).toThrow('version g2 is not kept; kept are: g4, g3, g1');
});

async function* batches(records: readonly RecordValue[]): AsyncGenerator<readonly RecordValue[]> {
  for (const record of records) yield [record];
}

test('records are compared by key, those that share one as often as they are there', async () => {
  const diff = async (before: RecordValue[], after: RecordValue[]): Promise<number[]> => {
    const options = { keyFields: ['id'], limit: 10, recordsMax: 100, signal: NEVER };
    const { added, changed, removed } = await diffRecords(batches(before), batches(after), options);
    return [added, changed, removed];
  };
  expect(await diff([{ id: 1 }, { id: 2, a: 1 }], [{ id: 2, a: 2 }, { id: 3 }])).toEqual([1, 1, 1]);
  expect(
    await diff(
      [
        { id: 1, a: 1 },
        { id: 1, a: 2 },
      ],
      [{ id: 1, a: 2 }],
    ),
  ).toEqual([0, 0, 1]);
  expect(await diff([{ id: 1 }], [{ id: '1' }])).toEqual([1, 0, 1]);
  await expect(
    diff(
      Array.from({ length: 101 }, (_none, id) => ({ id })),
      [],
    ),
  ).rejects.toThrow('more than 100 records');
});

test('a comparison lets others have their turn, ends with its signal, and refuses keys that tell nothing apart', async () => {
  const many = Array.from({ length: 20_000 }, (_none, id) => ({ id }));
  async function* whole(records: readonly RecordValue[]): AsyncGenerator<readonly RecordValue[]> {
    yield records;
  }
  const options = { keyFields: ['id'], limit: 10, recordsMax: 1e6, signal: NEVER };
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 0);
  expect(await diffRecords(whole(many), whole(many), options)).toMatchObject({
    added: 0,
    changed: 0,
    removed: 0,
  });
  clearInterval(timer);
  expect(turns).toBeGreaterThan(10);

  const leaving = new AbortController();
  async function* endless(): AsyncGenerator<readonly RecordValue[]> {
    for (let id = 0; ; id += 1) {
      if (id === 5) leaving.abort(new Error('the caller left'));
      yield [{ id }];
    }
  }
  const left = diffRecords(endless(), whole([]), { ...options, signal: leaving.signal });
  await expect(left).rejects.toThrow('the caller left');
  const same = whole(many.map(() => ({ id: 1 })));
  await expect(diffRecords(same, whole([]), options)).rejects.toThrow(
    'more than 1000 records have the same id',
  );
});

const field = (name: string, types: FieldStatistics['types'], present = 1): FieldStatistics => ({
  name,
  types,
  present,
  nulls: 0,
});

test('drift is told with its figures, and null or integers are none', () => {
  const settings = { requiredFields: ['id'], rowsShareMin: 0.5, allowTypeChange: false, declaredFields: [] };
  const former = { records: 100, fields: [field('id', ['integer']), field('name', ['string'])] };
  const like = { records: 60, fields: [field('id', ['null', 'number']), field('name', ['string', 'null'])] };
  expect(driftReasons(former, like, settings)).toEqual([]);
  const unlike = { records: 10, fields: [field('name', ['string', 'array'])] };
  expect(driftReasons(former, unlike, settings)).toHaveLength(3);
  expect(driftReasons(former, unlike, { ...settings, allowTypeChange: true })).toHaveLength(2);
});

test('a field that the declaration names must not leave all rows when most of them had it', () => {
  const settings = {
    requiredFields: [],
    rowsShareMin: 0,
    allowTypeChange: false,
    declaredFields: ['id', 'seldom', 'never'],
  };
  const former = { records: 10, fields: [field('id', ['integer'], 10), field('seldom', ['string'], 4)] };
  const next = { records: 10, fields: [field('name', ['string'], 10)] };
  expect(driftReasons(former, next, settings)).toEqual([
    'the declared field id is gone; 10 of 10 records before had it',
  ]);
  expect(driftReasons(undefined, next, settings)).toEqual([]);
  expect(driftReasons(former, { records: 0, fields: [] }, settings)).toEqual([]);
  expect(driftReasons(former, next, { ...settings, requiredFields: ['id'] })).toEqual([
    'the declared field id is gone',
  ]);
});

test('a declaration names fields by its types, its key, its order and its strategies', () => {
  const partitionBy = [
    { unique: { field: ['a', 'b'], keep: 'first' } },
    { hash: { field: 'c', buckets: 4 } },
    { field: ['d', 'e'] },
    { date: { field: 'f', unit: 'day' } },
    { range: { field: 'g', edges: [0] } },
    { chunk: { records: 10 } },
  ] as unknown as Parameters<typeof declaredFields>[0]['partitionBy'];
  const named = declaredFields({ types: { h: 'number' }, key: ['i', 'a'], orderBy: 'j', partitionBy });
  expect(named.toSorted()).toEqual('abcdefghij'.split(''));
});

test('a document of thousands of fields is judged as fast as it is read, and its reasons stay short', () => {
  const settings = { requiredFields: [], rowsShareMin: 0, allowTypeChange: false, declaredFields: [] };
  const names = Array.from({ length: 20_000 }, (_none, at) => `f${at}`);
  // A lookup that walks is seen by how often it looks, not by a clock.
  let looked = 0;
  const watched = (name: string, type: 'string' | 'integer'): FieldStatistics =>
    Object.defineProperty({ ...field(name, [type]) }, 'name', {
      get: () => {
        looked += 1;
        return name;
      },
    });
  const former = { records: 1, fields: names.map((name) => watched(name, 'integer')) };
  const next = { records: 1, fields: names.map((name) => field(name, ['string'])) };
  const reasons = driftReasons(former, next, settings);
  expect(looked).toBeLessThan(10 * names.length);
  expect(reasons).toHaveLength(11);
  expect(reasons.at(-1)).toBe('and 19990 more of the kind');
});
