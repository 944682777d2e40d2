import { ExactNumber } from '@pannier/proto/partition-format';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FieldCensus, FieldPartitioner, parseRecord } from './field-partitioner.ts';

it('loses no record and takes none twice, and every partition has one key', () => {
  const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const record = fc.record({ id: fc.nat(), kind: value }, { requiredKeys: ['id'] });
  fc.assert(
    fc.property(fc.array(record), (records) => {
      const partitioner = new FieldPartitioner(['kind']);
      for (const one of records) partitioner.add(one);
      const partitions = partitioner.partitions();
      expect(new Set(partitions.map(({ name }) => name)).size).toBe(partitions.length);
      expect(new Set(partitions.flatMap((partition) => partition.records))).toEqual(new Set(records));
      expect(partitions.flatMap((partition) => partition.records)).toHaveLength(records.length);
      for (const { key, records: rows } of partitions) {
        for (const row of rows) expect((row as { kind?: unknown }).kind).toBe(key[0]);
      }
    }),
  );
});

it('gives null, an absent field and the texts that look like them partitions of their own', () => {
  const partitioner = new FieldPartitioner(['kind']);
  for (const kind of [null, 'null', 'missing', 1, '1', true, 'true', 'CZ']) partitioner.add({ kind });
  partitioner.add({});
  const names = partitioner.partitions().map(({ name }) => name);
  expect(names.toSorted()).toEqual([
    '"1"',
    '"missing"',
    '"null"',
    '"true"',
    '1',
    'CZ',
    'missing',
    'null',
    'true',
  ]);
});

it('keeps integers beyond 2^53 and numbers that a double cannot hold', () => {
  const record = parseRecord(Buffer.from('{"big":9007199254740993,"huge":1e400,"plain":1.5}'));
  expect(record).toEqual({ big: 9007199254740993n, huge: new ExactNumber('1e400'), plain: 1.5 });
});

it('says which types a field has and how often it is there', () => {
  const census = new FieldCensus();
  census.add({ a: 1, b: 'x' });
  census.add({ a: null });
  expect(census.fields()).toEqual([
    { name: 'a', types: ['integer', 'null'], present: 2 },
    { name: 'b', types: ['string'], present: 1 },
  ]);
});
