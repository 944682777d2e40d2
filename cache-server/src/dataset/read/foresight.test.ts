import { layoutRecords, recordTest } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeStatistics, statisticsOf } from './field-statistics.ts';
import { foresee, seerOf } from './foresight.ts';
import type { KnownPartition } from './foresight.ts';
import { filter, records, scalar } from './record-filter.fixture.ts';

function known(all: readonly RecordValue[]): KnownPartition {
  return { records: all.length, statistics: statisticsOf(layoutRecords(all)) };
}

test('what statistics foretell of a partition is true', () => {
  fc.assert(
    fc.property(records, filter, (all, by) => {
      const foreseen = foresee(by, known(all));
      if (foreseen === 'none') expect(all.filter(recordTest(by))).toEqual([]);
      if (foreseen === 'all') expect(all.filter(recordTest({ kind: 'not', filter: by }))).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

test('merged statistics foretell nothing that is false of the whole', () => {
  fc.assert(
    fc.property(records, records, filter, (one, other, by) => {
      const all = [...one, ...other];
      const statistics = mergeStatistics([known(one).statistics, known(other).statistics]);
      const foreseen = foresee(by, { records: all.length, statistics });
      if (foreseen === 'none') expect(all.filter(recordTest(by))).toEqual([]);
      if (foreseen === 'all') expect(all.filter(recordTest({ kind: 'not', filter: by }))).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

test('a partition of one country is foreseen to pass whole, and another to be left out', () => {
  const czech = known([{ country: 'CZ' }, { country: 'CZ' }]);
  expect(foresee({ kind: 'equal', field: 'country', value: 'CZ' }, czech)).toBe('all');
  expect(foresee({ kind: 'equal', field: 'country', value: 'DE' }, czech)).toBe('none');
  expect(foresee({ kind: 'prefix', field: 'country', prefix: 'C' }, czech)).toBe('some');
});

test('a list is foreseen as its values one by one are', () => {
  const lists = fc.array(scalar, { maxLength: 20 });
  fc.assert(
    fc.property(records, lists, (all, values) => {
      const partition = known(all);
      const one = foresee({ kind: 'in', field: 'a', values }, partition);
      const each = values.map((value) => foresee({ kind: 'equal', field: 'a', value }, partition));
      expect(one).toBe(each.includes('all') ? 'all' : each.includes('some') ? 'some' : 'none');
    }),
    { numRuns: 1000 },
  );
});

test('a long list costs a partition no more than a look, and without thought nothing is ruled out', () => {
  const values = Array.from({ length: 5000 }, (_none, at) => `none ${at}`);
  const see = seerOf({ kind: 'in', field: 'country', values });
  const partition = known([{ country: 'CZ' }]);
  const thought = { steps: 3 };
  expect([1, 2, 3, 4].map(() => see(partition, thought))).toEqual(['none', 'none', 'none', 'some']);
});

test('fields are found wherever they are in the next partition', () => {
  const see = seerOf({ kind: 'equal', field: 'b', value: 1 });
  const all = [[{ a: 1, b: 1 }], [{ b: 1 }], [{ a: 1 }], [{ c: 1, a: 1, b: 2 }], [{ b: 1, a: 1 }]];
  const thought = { steps: 100 };
  expect(all.map((some) => see(known(some), thought))).toEqual(['all', 'all', 'none', 'none', 'all']);
});
