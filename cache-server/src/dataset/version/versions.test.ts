import type { RecordValue } from '@pannier/proto/partition-format';
import { expect, test } from 'vitest';
import type { FieldStatistics } from '../read/field-statistics.ts';
import { driftReasons } from './drift-gate.ts';
import { diffRecords } from './version-diff.ts';
import { EMPTY_SHELF, pinned, rolledBack, shelve } from './version-shelf.ts';
import type { VersionShelf } from './version-shelf.ts';

function shelfOf(names: readonly string[], keep: number): VersionShelf {
  let shelf = EMPTY_SHELF;
  for (const version of names) {
    const quarantineReason = version.startsWith('q') ? 'drifted' : '';
    shelf = shelve(shelf, { version, publishedAtMs: 0, records: 1, quarantineReason }, keep).shelf;
  }
  return shelf;
}

const names = ({ versions }: VersionShelf): string[] => versions.map(({ version }) => version);

test('versions that were put aside drive out none that can be read, and are bounded themselves', () => {
  expect(names(shelfOf(['g1', 'g2', 'g3', 'q1', 'q2'], 3))).toEqual(['q2', 'q1', 'g3', 'g2', 'g1']);
  expect(names(shelfOf(['g1', 'q1', 'q2', 'q3'], 2))).toEqual(['q3', 'q2', 'g1']);
  expect(shelfOf(['g1', 'q1'], 2).current).toBe('g1');
});

test('pinned and current versions are kept, and unknown ones are refused by name', () => {
  let shelf = pinned(shelfOf(['g1'], 2), 'g1', true);
  for (const version of ['g2', 'g3', 'g4'])
    shelf = shelve(shelf, { version, publishedAtMs: 0, records: 1, quarantineReason: '' }, 2).shelf;
  expect(names(shelf)).toEqual(['g4', 'g3', 'g1']);
  expect(rolledBack(shelf, 'g1').current).toBe('g1');
  expect(() => rolledBack(shelf, 'g2')).toThrow('version g2 is not kept; kept are: g4, g3, g1');
});

async function* batches(records: readonly RecordValue[]): AsyncGenerator<readonly RecordValue[]> {
  for (const record of records) yield [record];
}

test('records are compared by key, those that share one as often as they are there', async () => {
  const diff = async (before: RecordValue[], after: RecordValue[]): Promise<number[]> => {
    const options = { keyFields: ['id'], limit: 10, recordsMax: 100 };
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

const field = (name: string, types: FieldStatistics['types']): FieldStatistics => ({
  name,
  types,
  present: 1,
  nulls: 0,
});

test('drift is told with its figures, and null or integers are none', () => {
  const settings = { requiredFields: ['id'], rowsShareMin: 0.5, allowTypeChange: false };
  const former = { records: 100, fields: [field('id', ['integer']), field('name', ['string'])] };
  const like = { records: 60, fields: [field('id', ['null', 'number']), field('name', ['string', 'null'])] };
  expect(driftReasons(former, like, settings)).toEqual([]);
  const unlike = { records: 10, fields: [field('name', ['string', 'array'])] };
  expect(driftReasons(former, unlike, settings)).toHaveLength(3);
  expect(driftReasons(former, unlike, { ...settings, allowTypeChange: true })).toHaveLength(2);
});
