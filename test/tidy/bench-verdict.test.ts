import { expect, it } from 'vitest';
import { atMost, complaints, exactly, noFailures } from '../bench/verdict.ts';

it('names nothing of a benchmark that kept its promises and has its figures, however slow it was', () => {
  const promises = [exactly('one fetch', 1, 1), atMost('the cap', 16, 16), noFailures('no errors', {})];
  expect(complaints({ figures: { p99Ms: 9e9 }, table: [], promises })).toEqual([]);
  expect(complaints({ figures: {}, table: [] })).toEqual([]);
});

it('names each promise that was broken and each figure that is missing', () => {
  const promises = [
    exactly('one fetch', 7, 1),
    exactly('one fetch', 0, 1),
    atMost('the cap', 17, 16),
    atMost('the cap', NaN, 16),
    noFailures('no errors', { ECONNRESET: 2, 'a short body delivered as whole': 1 }),
  ];
  const lines = complaints({ figures: { p99Ms: null, errors: 3 }, table: [], promises });
  expect(lines).toEqual([
    'promise broken: one fetch; found: 7',
    'promise broken: one fetch; found: 0',
    'promise broken: the cap; found: 17',
    'promise broken: the cap; found: NaN',
    'promise broken: no errors; found: 2 x ECONNRESET, 1 x a short body delivered as whole',
    'no figure: p99Ms, for what it is measured beside is not to be had here',
  ]);
});
