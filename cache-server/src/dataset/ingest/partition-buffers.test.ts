import { decodeRecords } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { recordWeight } from '../strategy/record-weight.ts';
import { PartitionBuffers } from './partition-buffers.ts';
import type { PartitionBuffersOptions } from './partition-buffers.ts';
import { SpillFile } from './spill-file.ts';

type Row = { readonly key: string; readonly at: number; readonly text: string };
type Emitted = [name: string, records: readonly RecordValue[]];

async function gathered(
  rows: readonly Row[],
  options: Partial<PartitionBuffersOptions> = {},
): Promise<{ emitted: Emitted[]; spilledBytes: number }> {
  const emitted: Emitted[] = [];
  const spill = new SpillFile(1e8);
  const buffers = new PartitionBuffers({
    spill,
    memoryBytesMax: 1e6,
    partitionBytesMax: 1e6,
    contentBytesMax: 1e6,
    partitionsMax: 1000,
    order: undefined,
    emit: async ({ name, content }) => void emitted.push([name, decodeRecords(content)]),
    ...options,
  });
  for (const row of rows) await buffers.add(row, { name: row.key, key: [row.key] });
  await buffers.finish();
  expect([...buffers.names.keys()]).toEqual(emitted.map(([name]) => name));
  const spilledBytes = spill.bytes;
  await spill.close();
  return { emitted, spilledBytes };
}

const row = fc.record({
  key: fc.constantFrom('a', 'b', 'c'),
  at: fc.nat(9),
  text: fc.string({ unit: 'binary', maxLength: 20 }),
});

/** Of one partition, whatever its parts. */
function of(key: string, emitted: readonly Emitted[]): RecordValue[] {
  return emitted.filter(([name]) => name.split('~')[0] === key).flatMap(([, records]) => records);
}

it('gives every record to its partition once, in order, however little memory and room there is', async () => {
  const bounds = fc.record({
    memoryBytesMax: fc.constantFrom(20, 300, 1e6),
    partitionBytesMax: fc.constantFrom(60, 400, 1e6),
    contentBytesMax: fc.constantFrom(150, 1e6),
    order: fc.constantFrom(undefined, ['at']),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 60 }), bounds, async (rows, options) => {
      const { emitted } = await gathered(rows, options);
      for (const key of ['a', 'b', 'c']) {
        const mine = rows.filter((one) => one.key === key);
        const ordered = options.order === undefined ? mine : mine.toSorted((a, b) => a.at - b.at);
        expect(of(key, emitted)).toEqual(ordered);
      }
    }),
    { numRuns: 150 },
  );
});

it('cuts the same partitions with much memory and with little', async () => {
  const rows = Array.from({ length: 500 }, (_none, at) => ({ key: 'abc'.charAt(at % 3), at, text: `${at}` }));
  const large = await gathered(rows, { partitionBytesMax: 900 });
  const small = await gathered(rows, { partitionBytesMax: 900, memoryBytesMax: 500 });
  expect(large.spilledBytes).toBe(0);
  expect(small.spilledBytes).toBeGreaterThan(1000);
  expect(small.emitted).toEqual(large.emitted);
  expect(large.emitted.map(([name]) => name).filter((name) => name.startsWith('a~')).length).toBeGreaterThan(
    2,
  );
});

it('splits a partition whose text is longer as UTF-8 than it weighs, and refuses a record that no part can hold', async () => {
  const rows = Array.from({ length: 20 }, (_none, at) => ({ key: 'a', at, text: '漢字'.repeat(50) }));
  const { emitted } = await gathered(rows, { contentBytesMax: 2000 });
  expect(emitted.map(([name]) => name)).toEqual(['a~1', 'a~2', 'a~3', 'a~4']);
  expect(of('a', emitted)).toEqual(rows);
  const failure = gathered(rows, { contentBytesMax: 200 });
  await expect(failure).rejects.toThrow('a record of partition a is larger than a partition may be');
  await expect(failure).rejects.toMatchObject({ code: 'limit-exceeded' });
});

it('counts every part as a partition', async () => {
  const rows = Array.from({ length: 100 }, (_none, at) => ({ key: 'a', at, text: 'x'.repeat(100) }));
  const failure = gathered(rows, { partitionBytesMax: 500, partitionsMax: 5 });
  await expect(failure).rejects.toThrow('more partitions than limits.partitionsMax 5');
});

it('weighs what is short in bytes by its place in memory, of which a weight stands for four bytes', () => {
  const pointer = 8;
  const flags = Object.fromEntries(Array.from({ length: 40 }, (_none, at) => [`flag${at}`, at % 2 === 0]));
  expect(4 * recordWeight(flags)).toBeGreaterThan(40 * pointer * 1.4);
  const header = 24;
  expect(4 * recordWeight({ list: Array.from({ length: 10 }, () => ({ a: null })) })).toBeGreaterThan(
    10 * (header + 2 * pointer),
  );
});
