import fc from 'fast-check';
import { expect, it } from 'vitest';
import { JsonRecords } from './json-records.ts';

function recordsOf(text: string, pointer: string, cuts: readonly number[] = []): unknown[] {
  const bytes = Buffer.from(text);
  const records = new JsonRecords({ pointer, recordBytesMax: 10_000 });
  const found: unknown[] = [];
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted(
    (one, other) => one - other,
  );
  let start = 0;
  for (const end of ends) {
    records.push(bytes.subarray(start, end), (record) => found.push(JSON.parse(record.toString())));
    start = end;
  }
  records.end();
  return found;
}

it('finds what JSON.parse finds, wherever the chunks are cut', () => {
  const document = fc.array(fc.jsonValue(), { maxLength: 8 });
  fc.assert(
    fc.property(
      document,
      fc.array(fc.nat(), { maxLength: 6 }),
      fc.constantFrom(0, 1, 2),
      (values, cuts, indent) => {
        const text = JSON.stringify(values, undefined, indent);
        expect(recordsOf(text, '', cuts)).toEqual(JSON.parse(text));
      },
    ),
  );
});

it('finds the array at a JSON Pointer, past members that look like it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue(), { maxLength: 5 }),
      fc.array(fc.nat(), { maxLength: 6 }),
      (values, cuts) => {
        const text = JSON.stringify({
          other: [{ items: [1] }],
          'a/b': { items: values, more: '[{"items":[]}]' },
        });
        expect(recordsOf(text, '/a~1b/items', cuts)).toEqual(JSON.parse(JSON.stringify(values)));
      },
    ),
  );
});

it.each([
  ['{"a":1}', '', 'the document is not a JSON array'],
  ['42', '', 'the document is not a JSON array'],
  ['', '', 'the document is not a JSON array'],
  ['{"a":{"b":1}}', '/a/b', 'what stands at /a/b is not a JSON array'],
  ['[{"a":1},{"a":2', '', 'breaks off behind record 1'],
  ['[1,,2]', '', 'behind record 1'],
  ['[1]]', '', 'behind record 1'],
])('refuses %s at "%s" and says where', (text, pointer, message) => {
  expect(() => recordsOf(text, pointer)).toThrow(message);
});

it('refuses a record over the limit by its number, also when it never ends', () => {
  const long = `[1,"${'x'.repeat(20_000)}"`;
  expect(() => recordsOf(`${long}]`, '')).toThrow('record 2 is over limits.recordBytesMax');
  expect(() => recordsOf(long, '', [5000, 10_000, 15_000])).toThrow('record 2 is over limits.recordBytesMax');
});
