import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { RecordValue } from '@pannier/proto/partition-format';
import { describe, expect, it, test } from 'vitest';
import { chunkStrategy } from './chunk.ts';
import { dateStrategy } from './date.ts';
import type { DateOptions } from './date.ts';
import { fieldStrategy } from './field.ts';
import { hashStrategy } from './hash.ts';
import { nameOf } from './key-value.ts';
import { predicateStrategy } from './predicate.ts';
import { isSkewed, quantileEdges, rangeStrategy } from './range.ts';
import type { OpenStrategy } from './strategy.ts';
import { UniqueStage } from './unique.ts';

const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer({ min: -5, max: 5 }),
  fc.double({ noNaN: true }),
  fc.string({ maxLength: 5 }),
  fc.constantFrom('missing', 'null', '1', '-0', 'a/b', 'a~1', '"x"'),
);
const record: fc.Arbitrary<RecordValue> = fc.record({ a: scalar, b: scalar }, { requiredKeys: [] });

const STRATEGIES: Readonly<Record<string, OpenStrategy>> = {
  field: fieldStrategy(['a']),
  fields: fieldStrategy(['a', 'b']),
  chunk: chunkStrategy({ records: 7 }, false),
  'chunk by bytes': chunkStrategy({ bytes: 40 }, false),
  'stable chunk': chunkStrategy({ records: 5 }, true),
  hash: hashStrategy(['a'], 8),
  range: rangeStrategy('a', { edges: [-2, 0, 2] }),
  width: rangeStrategy('a', { width: 0.1, origin: 0 }),
  date: dateStrategy({ field: 'a', unit: 'day', timeZone: 'Europe/Prague', from: 'epochSeconds' }),
};

async function placesOf(open: OpenStrategy, records: readonly RecordValue[]): Promise<string[]> {
  const strategy = open();
  const names: string[] = [];
  for (const one of records) {
    const places = await strategy.place(one);
    expect(places).toHaveLength(1);
    for (const place of places) {
      expect(place.key).toHaveLength(strategy.keyNames.length);
      names.push(place.name);
    }
  }
  return names;
}

describe.each(Object.keys(STRATEGIES))('%s', (name) => {
  const open = STRATEGIES[name] ?? fieldStrategy(['a']);

  it('puts every record into one partition, and the same records always into the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 60 }), async (records) => {
        expect(await placesOf(open, records)).toEqual(await placesOf(open, structuredClone(records)));
      }),
      { numRuns: 60 },
    );
  });
});

test('names of different keys differ', () => {
  fc.assert(
    fc.property(scalar, scalar, (one, other) => {
      const same = Object.is(one, other) || one === other;
      expect(nameOf(one) === nameOf(other)).toBe(same);
    }),
  );
  expect(nameOf(undefined)).toBe('missing');
  expect(nameOf('missing')).toBe('"missing"');
});

test('the published vectors of the hash hold', () => {
  const text = readFileSync(new URL('../../../../docs/datasets.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| (.+?) +\| `[0-9a-f]+` +\| `[0-9a-f]{8}` \| `(bucket-\d\d)` \|$/gm)];
  expect(rows.length).toBeGreaterThanOrEqual(11);
  for (const [, values = '', bucket] of rows) {
    const parsed = [...values.matchAll(/`([^`]+)`/g)].map(([, json = '']): RecordValue =>
      json === '9007199254740993' ? 9007199254740993n : (JSON.parse(json) as RecordValue),
    );
    const fields = parsed.map((_value, at) => `f${at}`);
    const one = Object.fromEntries(parsed.map((value, at) => [`f${at}`, value]));
    expect(hashStrategy(fields, 64)().place(one)).toMatchObject([{ name: bucket }]);
  }
});

test('an insertion changes few stable chunks, and renames none of the others', async () => {
  const records = Array.from({ length: 2000 }, (_none, id) => ({ id, text: `record ${id * 7919}` }));
  const open = chunkStrategy({ records: 50 }, true);
  const before = new Set(await placesOf(open, records));
  const after = await placesOf(open, [
    ...records.slice(0, 1000),
    { id: -1, text: 'new' },
    ...records.slice(1000),
  ]);
  const added = [...new Set(after)].filter((name) => !before.has(name));
  expect(before.size).toBeGreaterThan(20);
  expect(added.length).toBeLessThanOrEqual(2);
});

const DATES: readonly (readonly [Partial<DateOptions>, unknown, string])[] = [
  [{ unit: 'day' }, '2026-03-29T00:30:00Z', '2026-03-29'],
  [{ unit: 'day', timeZone: 'America/New_York' }, '2026-03-29T03:30:00Z', '2026-03-28'],
  [{ unit: 'day', timeZone: 'America/New_York' }, '2026-03-29', '2026-03-29'],
  [{ unit: 'day', timeZone: 'Asia/Tokyo' }, '2026-03-29T23:30:00', '2026-03-29'],
  [{ unit: 'hour', timeZone: 'Europe/Prague' }, '2026-10-25T00:30:00Z', '2026-10-25T02+02:00'],
  [{ unit: 'hour', timeZone: 'Europe/Prague' }, '2026-10-25T01:30:00Z', '2026-10-25T02+01:00'],
  [{ unit: 'week' }, '2027-01-01', '2026-W53'],
  [{ unit: 'quarter' }, '2026-11-21', '2026-Q4'],
  [{ unit: 'month', from: 'epochMillis' }, 0, '1970-01'],
  [{ unit: 'year', from: 'epochSeconds' }, '86400', '1970'],
  [{ unit: 'day' }, 'yesterday', 'missing'],
  [{ unit: 'day' }, null, 'missing'],
  [{ unit: 'day' }, '2023-02-31', 'missing'],
  [{ unit: 'day' }, '2024-02-29', '2024-02-29'],
  [{ unit: 'day' }, '2024-03-05T24:00', '2024-03-06'],
  [{ unit: 'day' }, '2024-03-05T24:01', 'missing'],
  [{ unit: 'hour' }, '2024-03-05 10:00 +02:00', '2024-03-05T08+00:00'],
  [{ unit: 'hour' }, '2024-03-05T23:30+02', '2024-03-05T21+00:00'],
  [{ unit: 'hour' }, '2024-03-05T10', '2024-03-05T10'],
  [{ unit: 'year' }, '0099-03-05', '0099'],
  [{ unit: 'hour', timeZone: 'Asia/Kathmandu' }, '2026-01-01T00:00:00Z', '2026-01-01T05+05:45'],
];

test.each(DATES)('a date by %j of %j is %s', (options, at, name) => {
  const strategy = dateStrategy({ field: 'at', unit: 'day', timeZone: 'UTC', from: 'iso', ...options })();
  expect(strategy.place({ at: at as RecordValue })).toMatchObject([{ name }]);
});

test('ranges are half-open, and widths fall on round edges', () => {
  const edges = rangeStrategy('x', { edges: [0, 10] })();
  const names = [-1, 0, 9.99, 10, 'text', undefined].map((x) => {
    const [place] = edges.place(x === undefined ? {} : { x }) as readonly { name: string }[];
    return place?.name;
  });
  expect(names).toEqual(['-∞..0', '0..10', '0..10', '10..∞', 'missing', 'missing']);
  expect(edges.missing).toBe(2);
  expect(rangeStrategy('x', { width: 0.1, origin: 0 })().place({ x: 0.35 })).toMatchObject([
    { name: '0.3..0.4' },
  ]);
});

test('quantiles hold about as many each, and are kept until they are skewed', () => {
  const values = Float64Array.from({ length: 1000 }, (_none, at) => (at * 7919) % 1000);
  const edges = quantileEdges(values, 4);
  expect(edges).toEqual([250, 500, 750]);
  expect(isSkewed(values, edges, 2)).toBe(false);
  expect(
    isSkewed(
      values.map((value) => value / 10),
      edges,
      2,
    ),
  ).toBe(true);
  expect(quantileEdges(new Float64Array(100).fill(3), 4)).toEqual([]);
});

test('predicates take the first or all that hold, and name a record on which they fail', async () => {
  const predicates = { small: 'a < 2', even: 'a % 2 = 0' };
  const names = async (matches: 'first' | 'all', a: number): Promise<string[]> => {
    const places = await predicateStrategy({ predicates, matches, rest: 'rest' })().place({ a });
    return places.map(({ name }) => name);
  };
  expect([await names('first', 0), await names('all', 0), await names('all', 3)]).toEqual([
    ['small'],
    ['small', 'even'],
    ['rest'],
  ]);
  const strategy = predicateStrategy({ predicates: { odd: 'a' }, matches: 'first', rest: 'rest' })();
  await expect(strategy.place({ a: 1 })).rejects.toThrow(
    'predicate odd fails on record 1: it gives a number',
  );
  expect(() => predicateStrategy({ predicates: { bad: 'a <' }, matches: 'first', rest: 'r' })).toThrow(
    /predicate bad does not compile/,
  );
});

test.each([
  ['first', 1e9],
  ['last', 1e9],
  ['first', 2000],
  ['last', 2000],
] as const)(
  'unique keeps the %s of each key in the order of the document, with %i bytes of memory',
  async (keep, memoryBytesMax) => {
    const records = Array.from({ length: 5000 }, (_none, at) => ({ key: (at * 31) % 700, at }));
    const stage = new UniqueStage({ fields: ['key'], keep, memoryBytesMax, spillBytesMax: 1e9 });
    for (const one of records) await stage.push(one);
    const kept: RecordValue[] = [];
    for await (const piece of stage.finish()) kept.push(...piece);
    await stage.close();
    const expected = new Map<number, (typeof records)[number]>();
    for (const one of records) if (keep === 'last' || !expected.has(one.key)) expected.set(one.key, one);
    expect(kept).toEqual([...expected.values()].toSorted((one, other) => one.at - other.at));
    expect(stage.duplicates).toBe(4300);
  },
);
