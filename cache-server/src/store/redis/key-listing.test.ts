import { expect, test } from 'vitest';
import { scanPage } from './key-listing.ts';
import type { ScanStep } from './key-listing.ts';

/** A walk over buckets, as that of Redis: a step looks at `count` buckets and brings all that is in them. */
function bucketSteps(buckets: string[][]): ScanStep {
  return async (cursor, count) => {
    const end = Number(cursor) + count;
    const names = buckets.slice(Number(cursor), end).flat();
    return [end >= buckets.length ? '0' : String(end), names];
  };
}

async function walk(step: ScanStep, limit: number): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor = '';
  do {
    const page = await scanPage(step, { cursor, limit });
    pages.push(page.names);
    cursor = page.cursor;
  } while (cursor !== '');
  return pages;
}

test('pages bring every name and hold no more than their limit', async () => {
  const buckets = Array.from({ length: 5_000 }, (_none, index) =>
    index % 3 === 0 ? [`${index}a`, `${index}b`] : [],
  );
  const pages = await walk(bucketSteps(buckets), 7);
  expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(7);
  expect(pages.flat().toSorted()).toEqual(buckets.flat().toSorted());
});

test('a bucket that alone holds more than a page comes as one page', async () => {
  const buckets = [['a'], ['b', 'c', 'd'], ['e']];
  expect(await walk(bucketSteps(buckets), 2)).toEqual([['a'], ['b', 'c', 'd'], ['e']]);
});

test('a page gives up after many empty steps and goes on from there', async () => {
  const buckets = [...Array.from({ length: 120_000 }, () => []), ['last']];
  const pages = await walk(bucketSteps(buckets), 10);
  expect(pages).toEqual([[], [], ['last']]);
});
