import { layoutRecords, recordsOf } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeStatistics, statisticsOf } from './field-statistics.ts';
import { checkFilter, foresee, requireField } from './record-filter.ts';
import type { FilterValue, RecordFilter } from './record-filter.ts';
import { recordCount, selectRows } from './select-rows.ts';

const text = fc.oneof(
  fc.string({ maxLength: 4 }),
  fc.constantFrom('a', 'ab', 'b', '\ud7ff', '\ue000', '😀', 'x'.repeat(70), `${'x'.repeat(70)}y`),
);
const scalar: fc.Arbitrary<FilterValue> = fc.oneof(
  text,
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(0.5, -0, 9007199254740993n, 9007199254740992, 2n ** 63n - 1n),
  fc.boolean(),
  fc.constant(null),
);
const record: fc.Arbitrary<Record<string, RecordValue>> = fc.record(
  { a: scalar, b: scalar, c: fc.constant([1]) },
  { requiredKeys: [] },
);
const field = fc.constantFrom('a', 'b', 'c');

const { filter } = fc.letrec<{ filter: RecordFilter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    fc.record({ kind: fc.constant('equal' as const), field, value: scalar }),
    fc.record({ kind: fc.constant('in' as const), field, values: fc.array(scalar, { maxLength: 3 }) }),
    fc.record({
      kind: fc.constantFrom('less', 'less-or-equal', 'greater', 'greater-or-equal'),
      field,
      value: scalar,
    }),
    fc.record({ kind: fc.constant('prefix' as const), field, prefix: text }),
    fc.record({ kind: fc.constantFrom('all', 'any'), filters: fc.array(tie('filter'), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant('not' as const), filter: tie('filter') }),
  ),
}));

/** The definition, one record at a time. */
function passes(one: Record<string, RecordValue>, by: RecordFilter): boolean {
  if ('filters' in by) {
    const passed = by.filters.map((inner) => passes(one, inner));
    return by.kind === 'all' ? !passed.includes(false) : passed.includes(true);
  }
  if (by.kind === 'not') return !passes(one, by.filter);
  if (!Object.hasOwn(one, by.field)) return false;
  const value = one[by.field];
  const isNumber = (some: unknown): boolean => typeof some === 'number' || typeof some === 'bigint';
  // A bigint equals the double of its value; of different types nothing is equal.
  const equal = (other: FilterValue): boolean =>
    isNumber(value) && isNumber(other) ? !(value! < other!) && !(value! > other!) : value === other;
  if (by.kind === 'equal') return equal(by.value);
  if (by.kind === 'in') return by.values.some(equal);
  if (by.kind === 'prefix')
    return typeof value === 'string' && Buffer.from(value).indexOf(Buffer.from(by.prefix)) === 0;
  const bound = by.value;
  let order: number;
  if (typeof value === 'string' && typeof bound === 'string')
    order = Buffer.compare(Buffer.from(value), Buffer.from(bound));
  else if (isNumber(value) && isNumber(bound)) order = value! < bound! ? -1 : value! > bound! ? 1 : 0;
  else return false;
  if (by.kind === 'less') return order < 0;
  if (by.kind === 'less-or-equal') return order <= 0;
  return by.kind === 'greater' ? order > 0 : order >= 0;
}

const records = fc.array(record, { maxLength: 12 });

test('rows are selected as the definition says, in their order', () => {
  fc.assert(
    fc.property(records, filter, (all, by) => {
      const taken = selectRows(layoutRecords(all), { filter: by, fields: undefined });
      const expected = all.filter((one) => passes(one, by));
      expect(recordsOf(taken)).toEqual(recordsOf(layoutRecords(expected)));
      expect(recordCount(taken)).toBe(expected.length);
    }),
    { numRuns: 600 },
  );
});

test('fields are picked without making absent ones', () => {
  fc.assert(
    fc.property(records, fc.uniqueArray(field), (all, picked) => {
      const fields: readonly string[] = picked;
      const taken = recordsOf(selectRows(layoutRecords(all), { filter: undefined, fields }));
      const expected = all.map((one) =>
        Object.fromEntries(Object.entries(one).filter(([name]) => fields.includes(name))),
      );
      expect(taken).toEqual(recordsOf(layoutRecords(expected)));
    }),
  );
});

test('what statistics foretell of a partition is true', () => {
  fc.assert(
    fc.property(records, filter, (all, by) => {
      const foreseen = foresee(by, all.length, statisticsOf(layoutRecords(all)));
      if (foreseen === 'none') expect(all.filter((one) => passes(one, by))).toEqual([]);
      if (foreseen === 'all') expect(all.filter((one) => !passes(one, by))).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

test('merged statistics foretell nothing that is false of the whole', () => {
  fc.assert(
    fc.property(records, records, filter, (one, other, by) => {
      const merged = mergeStatistics([statisticsOf(layoutRecords(one)), statisticsOf(layoutRecords(other))]);
      const all = [...one, ...other];
      const foreseen = foresee(by, all.length, merged);
      if (foreseen === 'none') expect(all.filter((some) => passes(some, by))).toEqual([]);
      if (foreseen === 'all') expect(all.filter((some) => !passes(some, by))).toEqual([]);
    }),
    { numRuns: 1000 },
  );
});

test('a partition of one country is foreseen to pass whole, and another to be left out', () => {
  const statistics = statisticsOf(layoutRecords([{ country: 'CZ' }, { country: 'CZ' }]));
  expect(foresee({ kind: 'equal', field: 'country', value: 'CZ' }, 2, statistics)).toBe('all');
  expect(foresee({ kind: 'equal', field: 'country', value: 'DE' }, 2, statistics)).toBe('none');
  expect(foresee({ kind: 'prefix', field: 'country', prefix: 'C' }, 2, statistics)).toBe('some');
});

test('a filter on an unknown field, or one without end, is refused by name', () => {
  const unknown: RecordFilter = { kind: 'equal', field: 'population', value: 1 };
  expect(() => checkFilter(unknown, 'cities', ['name', 'lat'])).toThrow(
    'filter: dataset cities has no field "population"; its fields are: name, lat',
  );
  let deep: RecordFilter = { kind: 'equal', field: 'name', value: 1 };
  for (let depth = 0; depth < 60; depth += 1) deep = { kind: 'not', filter: deep };
  expect(() => checkFilter(deep, 'cities', ['name'])).toThrow('nested deeper');
});

test('a projection on an unknown field is refused as such, by name', () => {
  expect(() => requireField('population', 'cities', ['name', 'lat'])).toThrow(
    'fields: dataset cities has no field "population"; its fields are: name, lat',
  );
  expect(() => requireField('lat', 'cities', ['name', 'lat'])).not.toThrow();
});
