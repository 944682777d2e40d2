import { deepStrictEqual } from 'node:assert/strict';
import { decode, ExtData } from '@msgpack/msgpack';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeRecords,
  encodeRecords,
  EXACT_NUMBER_EXTENSION,
  ExactNumber,
  PartitionFormatError,
} from './index.ts';
import type { RecordValue } from './index.ts';
import { packValue } from './message-pack.ts';

type Rows = readonly unknown[];
type ForeignContent = [runs: number[], blocks: [names: string[] | null, columns: Rows[]][]];

const wellFormed = fc.string({ unit: 'binary' });
const fieldName = fc.string({ unit: 'grapheme', maxLength: 6 }).filter((name) => name !== '__proto__');
const scalar = fc.oneof(
  wellFormed,
  fc.boolean(),
  fc.constant(null),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double().map((value) => (Object.is(value, -0) ? 0 : value)),
  fc.bigInt({ min: 2n ** 53n + 1n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) - 1n }),
);
const { value: anyValue } = fc.letrec<{ value: RecordValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fieldName, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
/** Few names, so that shapes repeat, alternate and differ in order. */
const record = fc
  .shuffledSubarray(['id', 'name', 'lat', 'a\u0000b', '', 'constructor', 'toJSON', '7'])
  .chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), anyValue))))
  .map((fields): RecordValue => Object.fromEntries(fields));

test('records come back equal, in order, with their fields in order', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 5, arbitrary: record }, anyValue)), (records) => {
      const decoded = decodeRecords(encodeRecords(records));
      // Not toStrictEqual, which takes a field called constructor for the constructor.
      deepStrictEqual(decoded, records);
      expect(decoded.map((value) => Object.keys(value ?? {}))).toEqual(
        records.map((value) => Object.keys(value ?? {})),
      );
    }),
  );
});

/** What the docstring tells a reader in another language to do. */
function readAsAForeigner(content: Uint8Array): unknown[] {
  const [runs, blocks] = decode(content, { useBigInt64: true }) as ForeignContent;
  const next = blocks.map(() => 0);
  const records: unknown[] = [];
  for (let run = 0; run < runs.length; run += 2) {
    const index = Number(runs[run]);
    const [names, columns] = blocks[index]!;
    for (let left = Number(runs[run + 1]); left > 0; left -= 1) {
      const row = next[index]!++;
      const fields = names?.map((name, column) => [name, columns[column]![row]]);
      records.push(fields === undefined ? columns[0]![row] : Object.fromEntries(fields));
    }
  }
  return records;
}

/** With useBigInt64 the foreign decoder gives every 64-bit integer as bigint. */
function withSafeIntegers(value: unknown): unknown {
  if (typeof value === 'bigint')
    return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(withSafeIntegers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, withSafeIntegers(field)]));
}

test('a decoder that knows nothing of Pannier reads the same records', () => {
  fc.assert(
    fc.property(fc.array(record), (records) => {
      expect(withSafeIntegers(readAsAForeigner(encodeRecords(records)))).toEqual(records);
    }),
  );
});

test('an absent field is not a null one, and an undefined field is absent', () => {
  const records = [{ a: 1 }, { a: 2, b: null }, { a: 3, b: undefined } as unknown as RecordValue];
  expect(decodeRecords(encodeRecords(records))).toStrictEqual([{ a: 1 }, { a: 2, b: null }, { a: 3 }]);
  const nested = [{ in: { a: undefined, b: null } }] as unknown as RecordValue[];
  expect(decodeRecords(encodeRecords(nested))).toStrictEqual([{ in: { b: null } }]);
});

test('each shape has one block, however often shapes alternate', () => {
  const records = Array.from({ length: 100 }, (_, i): RecordValue =>
    i % 2 === 0 ? { a: i, b: i } : { a: i },
  );
  const [runs, blocks] = decode(encodeRecords(records)) as ForeignContent;
  expect(blocks.map(([names, columns]) => [names, columns[0]?.length])).toEqual([
    [['a', 'b'], 50],
    [['a'], 50],
  ]);
  expect(runs.slice(0, 6)).toEqual([0, 1, 1, 1, 0, 1]);
});

test('integers beyond 32 bits are integers to a foreign decoder, not floats', () => {
  const content = encodeRecords([{ at: 1_700_000_000_000, big: 9_007_199_254_740_993n, small: 5n }]);
  expect(readAsAForeigner(content)).toEqual([
    { at: 1_700_000_000_000n, big: 9_007_199_254_740_993n, small: 5 },
  ]);
  expect(decodeRecords(content)).toEqual([{ at: 1_700_000_000_000, big: 9_007_199_254_740_993n, small: 5 }]);
});

test('a number that no integer or double holds keeps its text, as an extension to a foreign decoder', () => {
  const content = encodeRecords([
    { n: new ExactNumber('1e400') },
    { n: 2n ** 64n },
    { n: [new ExactNumber('0.1e-999')] },
  ]);
  const decoded = decodeRecords(content);
  expect(decoded).toEqual([
    { n: new ExactNumber('1e400') },
    { n: new ExactNumber('18446744073709551616') },
    { n: [new ExactNumber('0.1e-999')] },
  ]);
  expect(JSON.stringify(decoded)).toBe('[{"n":1e400},{"n":18446744073709551616},{"n":[0.1e-999]}]');
  expect(readAsAForeigner(content)[0]).toEqual({
    n: new ExtData(EXACT_NUMBER_EXTENSION, Buffer.from('1e400')),
  });
});

test('unpaired surrogates become U+FFFD, so that strings stay UTF-8', () => {
  const content = encodeRecords([
    { short: '\ud800', long: `${'x'.repeat(80)}\udc00`, 'k\ud800': ['\ud83d'] },
  ]);
  const expected = [{ short: '\ufffd', long: `${'x'.repeat(80)}\ufffd`, 'k\ufffd': ['\ufffd'] }];
  expect(decodeRecords(content)).toEqual(expected);
  expect(readAsAForeigner(content)).toEqual(expected);
});

test('a map of more than 65,535 fields survives', () => {
  const wide = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`f${i}`, i]));
  expect(decodeRecords(encodeRecords([{ wide }]))).toEqual([{ wide }]);
});

test('binary fields are copies that keep no partition alive', () => {
  const [decoded] = decodeRecords(
    encodeRecords([{ bin: new Uint8Array([1, 2, 3]), rest: 'x'.repeat(5000) }]),
  );
  const { bin } = decoded as { bin: Uint8Array };
  expect([...bin]).toEqual([1, 2, 3]);
  expect(bin.buffer.byteLength).toBeLessThan(5000);
});

test('what MessagePack cannot hold is refused as unencodable', () => {
  let deep: RecordValue = 1;
  for (let i = 0; i < 200_000; i += 1) deep = [deep];
  const refused: unknown[] = [
    () => 1,
    Symbol('s'),
    new Date(0),
    new Map(),
    JSON.parse('{"__proto__":1}'),
    deep,
  ];
  for (const value of refused) {
    for (const records of [[value], [{ field: value }], [[value]]] as RecordValue[][]) {
      expect(() => encodeRecords(records)).toThrow(expect.objectContaining({ code: 'unencodable' }));
    }
  }
  expect(decodeRecords(encodeRecords([{ still: 'fine' }]))).toEqual([{ still: 'fine' }]);
});

test('content that is not records laid out by shape is malformed, never a wrong record', () => {
  const wrong: unknown[] = [
    null,
    [],
    [[0, 1], []],
    [[0], [[['a'], [[1]]]]],
    [[0, 2], [[['a'], [[1]]]]],
    [[0, -1], [[['a'], [[1]]]]],
    [[0, 1e9], [[[], [[null]]]]],
    [[0, 1], [[['a', 'b'], [[1]]]]],
    [
      [0, 1],
      [
        [
          ['a', 'b'],
          [[1], [1, 2]],
        ],
      ],
    ],
    [[0, 1], [[['__proto__'], [[1]]]]],
    [[0, 1], [[[1], [[1]]]]],
  ];
  for (const value of wrong) expect(() => decodeRecords(packValue(value))).toThrow(PartitionFormatError);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      try {
        decodeRecords(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(PartitionFormatError);
      }
    }),
  );
});

test('equal records have equal bytes, however they were made', () => {
  expect(encodeRecords([{ n: 5n, m: 2 ** 40, top: 2 ** 53 }])).toEqual(
    encodeRecords([{ n: 5, m: 2n ** 40n, top: 2n ** 53n }]),
  );
});
