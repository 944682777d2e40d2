import { expect, test } from 'vitest';
import { checkFilter, conditionCount, requireAffordable, requireField } from './record-filter.ts';
import type { KnownFields, RecordFilter } from './record-filter.ts';

function known(...fields: string[]): KnownFields {
  return { dataset: 'cities', fields: new Set(fields) };
}

test('a filter on an unknown field, or one without end, is refused by name', () => {
  const unknown: RecordFilter = { kind: 'equal', field: 'population', value: 1 };
  expect(() => checkFilter(unknown, known('name', 'lat'))).toThrow(
    'filter: dataset cities has no field "population"; its fields are: name, lat',
  );
  let deep: RecordFilter = { kind: 'equal', field: 'name', value: 1 };
  for (let depth = 0; depth < 60; depth += 1) deep = { kind: 'not', filter: deep };
  expect(() => checkFilter(deep, known('name'))).toThrow('nested deeper');
});

test('a projection on an unknown field is refused as such, by name', () => {
  expect(() => requireField('population', known('name', 'lat'))).toThrow(
    'fields: dataset cities has no field "population"; its fields are: name, lat',
  );
  expect(() => requireField('lat', known('name', 'lat'))).not.toThrow();
});

test('of very many fields a refusal names the first', () => {
  const fields = Array.from({ length: 40_000 }, (_none, at) => `field ${at}`);
  expect(() => requireField('lat', known(...fields))).toThrow(/field 49 and 39950 more$/);
});

test('conditions times records have a limit, and a list is one condition however long it is', () => {
  const equal: RecordFilter = { kind: 'equal', field: 'id', value: 1 };
  const list: RecordFilter = {
    kind: 'in',
    field: 'id',
    values: Array.from({ length: 9000 }, (_none, at) => at),
  };
  const filter: RecordFilter = { kind: 'any', filters: [equal, { kind: 'not', filter: equal }, list] };
  expect([equal, list, filter].map(conditionCount)).toEqual([1, 1, 3]);
  expect(() => requireAffordable(4, 5_000_000, 'CZ')).not.toThrow();
  expect(() => requireAffordable(5000, 120_000, 'CZ')).toThrow(
    'filter: 5000 conditions on the 120000 records of partition CZ are over the limit of 20000000 for conditions times records',
  );
});
