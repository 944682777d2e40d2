import { expect, it } from 'vitest';
import { firstPageUrl, nextPageUrl } from './next-page.ts';
import type { ReadPage } from './next-page.ts';

type Pages = Parameters<typeof nextPageUrl>[1];

const URL_OF_FIRST = 'http://api.example/d?size=2';
const FIRST: ReadPage = {
  url: URL_OF_FIRST,
  index: 0,
  link: undefined,
  told: undefined,
  records: 2,
  total: 2,
};

function pages(next: Pages['next']): Pages {
  return { next, max: 10, consistency: 'best-effort', restartsMax: 3 };
}

const CURSOR = pages({ cursor: '/next', parameter: 'after' });
const NUMBER = pages({ parameter: 'page', start: 1 });
const TOTAL = pages({ parameter: 'page', start: 1, total: '/total' });

it.each([
  ['"a b"', 'http://api.example/d?size=2&after=a+b'],
  ['9007199254740993', 'http://api.example/d?size=2&after=9007199254740993'],
  ['1.50', 'http://api.example/d?size=2&after=1.50'],
  ['null', undefined],
  ['""', undefined],
  [undefined, undefined],
])('the cursor %s goes into the next URL as it came, or ends the walk', (told, url) => {
  expect(nextPageUrl({ ...FIRST, told }, CURSOR)).toBe(url);
});

it.each(['true', '{', '['])('a cursor that is %s is refused', (told) => {
  expect(() => nextPageUrl({ ...FIRST, told }, CURSOR)).toThrow('page 1: the cursor at /next is no text');
});

it('numbers go on until a page is empty', () => {
  expect(firstPageUrl(URL_OF_FIRST, NUMBER)).toBe(`${URL_OF_FIRST}&page=1`);
  expect(nextPageUrl(FIRST, NUMBER)).toBe(`${URL_OF_FIRST}&page=2`);
  expect(nextPageUrl({ ...FIRST, records: 0 }, NUMBER)).toBeUndefined();
});

it('numbers with a total go on until just so many records have come', () => {
  expect(nextPageUrl({ ...FIRST, told: '3' }, TOTAL)).toBe(`${URL_OF_FIRST}&page=2`);
  expect(nextPageUrl({ ...FIRST, told: '2' }, TOTAL)).toBeUndefined();
  expect(nextPageUrl({ ...FIRST, told: '"2"' }, TOTAL)).toBeUndefined();
  expect(nextPageUrl({ ...FIRST, told: '0', records: 0, total: 0 }, TOTAL)).toBeUndefined();
});

it.each([
  ['250', { records: 0, total: 200 }, '200 records came, and the total at /total is 250'],
  ['1', { records: 2, total: 2 }, '2 records came, and the total at /total is 1'],
  ['null', {}, 'the total at /total is no number'],
  ['"many"', {}, 'the total at /total is no number'],
  [undefined, {}, 'the total at /total is no number'],
])('a total of %s that does not fit is refused', (told, page, why) => {
  expect(() => nextPageUrl({ ...FIRST, told, ...page }, TOTAL)).toThrow(`page 1: ${why}`);
});
