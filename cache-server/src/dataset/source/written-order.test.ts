import { fieldNames } from '@pannier/proto/partition-format';
import type { RecordObject, RecordValue } from '@pannier/proto/partition-format';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readRecords } from './read-records.ts';

const LIMITS = { recordBytesMax: 1e6, decompressedBytesMax: 1e6 };
type Format = Parameters<typeof readRecords>[1];

async function read(text: string, format: Partial<Format> = {}): Promise<RecordValue[]> {
  const csv = { delimiter: ',', quote: '"' };
  const records: RecordValue[] = [];
  async function* bytes(): AsyncGenerator<Buffer> {
    yield Buffer.from(text);
  }
  const declared = { format: 'json', compression: 'none', records: '', csv, contentEncoding: '' } as const;
  for await (const batch of readRecords(bytes(), { ...declared, ...format }, LIMITS)) records.push(...batch);
  return records;
}

const name = fc.constantFrom('b', '10', '2', 'a', '0', '{', '"7"', String.raw`\u`, ',', '[1', '3:', 'é');
const value = fc.constantFrom(
  '1',
  '"x\\",{"',
  '{"9":[1,{"8":2}],"a":0}',
  '[{"5":1},"]"]',
  'null',
  '12345678901234567890',
);
const fields = fc.uniqueArray(fc.tuple(name, value), { maxLength: 5, selector: ([one]) => one });
const rows = fc.array(fc.oneof({ weight: 4, arbitrary: fields }, fc.constantFrom('[1,"2"]', '"3"', '4')), {
  maxLength: 6,
});

function rowText(row: string | readonly (readonly [string, string])[]): string {
  if (typeof row === 'string') return row;
  return `{ ${row.map(([field, json]) => `${JSON.stringify(field)} : ${json}`).join(' ,')}}`;
}

it.each(['json', 'ndjson'] as const)(
  'keeps the order in which the fields of %s are written',
  async (format) => {
    await fc.assert(
      fc.asyncProperty(rows, async (written) => {
        const texts = written.map(rowText);
        const records = await read(format === 'json' ? `[${texts.join(', ')}]` : texts.join('\n'), {
          format,
        });
        expect(records).toHaveLength(written.length);
        for (const [at, row] of written.entries()) {
          if (typeof row === 'string') continue;
          expect(fieldNames(records[at] as RecordObject)).toEqual(row.map(([field]) => field));
        }
      }),
      { numRuns: 300 },
    );
  },
);

it('keeps the order of the columns of a CSV', async () => {
  const records = await read('country,2021,2020\nCZ,1,2\n', { format: 'csv' });
  expect(records.map((record) => fieldNames(record as RecordObject))).toEqual([['country', '2021', '2020']]);
});

it('takes a name that stands twice where it stands first', async () => {
  const [record] = await read('[{"a": 1, "2": 2, "a": 3}]');
  expect(record).toEqual({ a: 3, '2': 2 });
  expect(fieldNames(record as RecordObject)).toEqual(['a', '2']);
});
