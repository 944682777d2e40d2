import { expect, test } from 'vitest';
import { filterOf, typeWarnings } from './where-flag.ts';

const field = (name: string, ...types: string[]): never => ({ name, types }) as never;
const description = {
  fields: [
    field('sku', 'integer'),
    field('lat', 'string'),
    field('open', 'boolean', 'null'),
    field('odd', 'string', 'number'),
  ],
};

const warnings = (...where: string[]): string[] => typeWarnings(filterOf(where), description);

test('a value that no record can be equal to is told with the way to write it', () => {
  expect(warnings('sku=5')[0]).toMatch(/^pannier: sku is integer here.* a string .*: try --where sku:=5$/);
  expect(warnings('lat:=50')[0]).toMatch(/^pannier: lat is string here.* is a number: try --where lat=50$/);
  expect(warnings('open=true')[0]).toMatch(/boolean or null here.*: try --where open:=true$/);
  expect(warnings('sku=many')[0]).not.toContain('try');
  expect(warnings('sku=5', 'lat:=50')).toHaveLength(2);
});

test('where a value may be equal nothing is said', () => {
  expect(warnings('sku:=5', 'lat=50', 'open:=null', 'odd=1', 'odd:=true', 'gone=1')).toEqual([]);
  expect(warnings('sku=5', 'sku:=6')).toEqual([]);
});
