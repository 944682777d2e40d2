import { layoutRecords, recordsOf, recordTest } from '@pannier/proto/partition-format';
import type { RecordColumns, RecordValue } from '@pannier/proto/partition-format';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { field, filter, records } from './record-filter.fixture.ts';
import { recordCount, selectRows } from './select-rows.ts';
import type { Selection } from './select-rows.ts';
import { Slices } from './slices.ts';

const NEVER = new AbortController().signal;

async function select(all: readonly RecordValue[], selection: Partial<Selection>): Promise<RecordColumns> {
  const whole = { filter: undefined, fields: undefined, ...selection };
  return await selectRows(layoutRecords(all), whole, new Slices(NEVER));
}

test('rows are selected as the definition of filters says, in their order', async () => {
  await fc.assert(
    fc.asyncProperty(records, filter, async (all, by) => {
      const taken = await select([...all, 'no record', [1]], { filter: by });
      const expected = [...all, 'no record', [1]].filter(recordTest(by));
      expect(recordsOf(taken)).toEqual(recordsOf(layoutRecords(expected)));
      expect(recordCount(taken)).toBe(expected.length);
    }),
    { numRuns: 600 },
  );
});

test('fields are picked without making absent ones, and each shape that is left has one block', async () => {
  await fc.assert(
    fc.asyncProperty(records, fc.uniqueArray(field), async (all, picked) => {
      const fields: readonly string[] = picked;
      const taken = await select([...all, 'no record'], { fields });
      const expected = all.map((one) =>
        Object.fromEntries(Object.entries(one).filter(([name]) => fields.includes(name))),
      );
      expect(recordsOf(taken)).toEqual([...expected, 'no record']);
      expect(taken.blocks).toHaveLength(layoutRecords([...expected, 'no record']).blocks.length);
    }),
  );
});

test('fields may be picked that the filter does not ask of, and the reverse', async () => {
  const all = [{ a: 1, b: 1 }, { b: 2 }, { a: 3, b: 1, c: 1 }];
  const taken = await select(all, { filter: { kind: 'equal', field: 'b', value: 1 }, fields: ['a'] });
  expect(taken).toEqual(layoutRecords([{ a: 1 }, { a: 3 }]));
});

test('other work is done while many rows are tried, and who leaves ends it', async () => {
  const all = Array.from({ length: 20_000 }, (_none, id) => ({ id }));
  const filters = Array.from({ length: 500 }, (_none, at) => ({
    kind: 'less' as const,
    field: 'id',
    value: -at,
  }));
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 0);
  const layout = layoutRecords(all);
  const long = { filter: { kind: 'any' as const, filters }, fields: undefined };
  expect(recordCount(await selectRows(layout, long, new Slices(NEVER)))).toBe(0);
  expect(turns).toBeGreaterThan(1);
  clearInterval(timer);
  const leaver = new AbortController();
  const left = selectRows(layout, long, new Slices(leaver.signal));
  leaver.abort(new Error('enough'));
  await expect(left).rejects.toThrow('enough');
});
