import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { DescribeDatasetResponseSchema } from '@pannier/proto';
import type { ReadPartitionsRequest } from '@pannier/proto';
import { contentDigest, encodeFrame, encodeRecords } from '@pannier/proto/partition-format';
import fc from 'fast-check';
import { afterEach, expect, expectTypeOf, test } from 'vitest';
import { connect } from './connect.ts';
import type { Dataset } from './dataset.ts';
import type { RecordsOptions } from './shards.ts';
import { deal } from './read-plan.ts';
import { scriptedError } from './transport/scripted-server.fixture.ts';
import type { ScriptedPartition, ScriptedServer } from './transport/scripted-server.fixture.ts';
import { codeOf, endAll, endWithTest, serve } from './transport/scripted-test.fixture.ts';

afterEach(endAll);

interface Row {
  readonly part: string;
  readonly at: number;
}

const NAMES = Array.from({ length: 24 }, (_none, part) => `p${String(part).padStart(2, '0')}`);
const RECORD_COUNT = 10;
const ROWS = NAMES.flatMap((part) =>
  Array.from({ length: RECORD_COUNT }, (_none, at): Row => ({ part, at })),
);

async function partOf(name: string, bytes = 0): Promise<ScriptedPartition> {
  const padding = randomBytes(bytes).toString('latin1');
  const records = Array.from({ length: RECORD_COUNT }, (_none, at) => ({ part: name, at, padding }));
  const content = encodeRecords(bytes === 0 ? records.map(({ part, at }) => ({ part, at })) : records);
  const digest = contentDigest(content, 'dataset');
  const frame = await encodeFrame(content, { scope: 'geo', digest, compress: bytes === 0 });
  const stored = { scope: 'geo', digest, frame };
  return { case: 'partition', value: { name, stored, digest, records: BigInt(RECORD_COUNT) } };
}

interface Script {
  /** Bytes of padding in each record. */
  readonly bytes?: number;
  readonly names?: readonly string[];
  /** Called before a partition is sent. */
  readonly before?: (name: string) => Promise<void> | void;
}

/** A server of one version, `v1`, and how often it sent each partition. */
async function rig({ bytes = 0, names = NAMES, before = () => undefined }: Script = {}): Promise<{
  server: ScriptedServer;
  dataset: Dataset<Row>;
  reads: ReadPartitionsRequest[];
  sent: string[];
}> {
  const reads: ReadPartitionsRequest[] = [];
  const sent: string[] = [];
  const server = await serve({
    async *readPartitions(request) {
      const wanted = names.filter(
        (name) => request.partitions.length === 0 || request.partitions.includes(name),
      );
      const coming = wanted.slice(request.skipPartitions);
      const records = BigInt(coming.length * RECORD_COUNT);
      yield { case: 'start', value: { version: 'v1', partitions: coming.length, records } };
      if (coming.length > 0) reads.push(request);
      for (const name of coming) {
        await before(name);
        sent.push(name);
        yield await partOf(name, bytes);
      }
      yield { case: 'complete', value: { version: 'v1', records } };
    },
    cache: {
      describeDataset: (_call, reply) => {
        const partitions = names.map((name) => ({ name, records: 10n, contentBytes: 1000n }));
        reply(null, create(DescribeDatasetResponseSchema, { description: { version: 'v1', partitions } }));
      },
    },
  });
  const client = connect(server.address, { nearCacheBytesMax: 0 });
  endWithTest(() => client.close());
  return { server, dataset: client.dataset<Row>('rows'), reads, sent };
}

test('several readers yield what one does, in the same order, each partition asked for once', async () => {
  const { dataset, reads, sent } = await rig({
    // The first reader is the slowest.
    before: async (name) => {
      if (name === 'p00') await new Promise((resolve) => setTimeout(resolve, 100));
    },
  });
  expect(await Array.fromAsync(dataset.records({}, { readers: 4 }))).toEqual(ROWS);
  expect(reads.map(({ version, partitions }) => [version, partitions.length])).toEqual(
    Array.from({ length: 4 }, () => ['v1', 6]),
  );
  expect(sent.toSorted()).toEqual(NAMES);
});

test('a read with a limit yields the first records and no more, with one reader and with several', async () => {
  const { dataset } = await rig();
  for (const readers of [1, 4]) {
    const some = await Array.fromAsync(dataset.records({}, { readers, limit: 15 }));
    expect(some).toEqual(ROWS.slice(0, 15));
  }
  expect(await Array.fromAsync(dataset.records({}, { limit: 1000 }))).toHaveLength(ROWS.length);
  expect(await codeOf(Array.fromAsync(dataset.records({}, { limit: 0 })))).toBe('bad-request');
});

test('with fields the records have the type of these fields', async () => {
  const { dataset } = await rig();
  const [row] = await Array.fromAsync(dataset.records({}, { fields: ['at'], limit: 1 }));
  expectTypeOf(row).toEqualTypeOf<Pick<Row, 'at'> | undefined>();
  expect(row).toEqual({ at: 0 });
});

test('readers that need not keep the order do not wait for a slow one', async () => {
  const gate = Promise.withResolvers<void>();
  const { dataset } = await rig({
    before: async (name) => await (name === 'p00' ? gate.promise : undefined),
  });
  const rows: Row[] = [];
  for await (const row of dataset.records({}, { readers: 3, ordered: false })) {
    rows.push(row);
    if (rows.length === 16 * RECORD_COUNT) gate.resolve();
  }
  expect(rows.slice(0, 16 * RECORD_COUNT).some(({ part }) => part === 'p00')).toBe(false);
  const byPart = (one: Row, other: Row): number =>
    one.part < other.part ? -1 : one.part > other.part ? 1 : 0;
  expect(rows.toSorted(byPart)).toEqual(ROWS);
});

test('a reader that fails ends the others, and its failure is thrown', async () => {
  const never = Promise.withResolvers<void>();
  const { server, dataset } = await rig({
    before: async (name) => {
      if (name === 'p02') throw scriptedError('store', 'partition p02 is lost');
      if (name > 'p03') await never.promise;
    },
  });
  await expect(Array.fromAsync(dataset.records({}, { readers: 4 }))).rejects.toMatchObject({
    code: 'store',
    message: expect.stringContaining('p02 is lost') as string,
  });
  // The call that asked for the version has ended, too.
  await expect.poll(() => server.cancelledStreams).toBe(1 + 4);
});

test.each([true, false])('leaving early ends every reader, ordered: %s', async (ordered) => {
  const never = Promise.withResolvers<void>();
  const { server, dataset } = await rig({
    before: async (name) => await (name > 'p07' ? never.promise : undefined),
  });
  for await (const row of dataset.records({}, { readers: 8, ordered })) if (row.at === 3) break;
  await expect.poll(() => server.cancelledStreams).toBe(1 + 8);
  const ended = new AbortController();
  const reading = codeOf(Array.fromAsync(dataset.records({}, { readers: 8, ordered, signal: ended.signal })));
  ended.abort('enough');
  expect(await reading).toBe('enough');
});

test('readers that are not read from take a few partitions, however many there are', async () => {
  const names = Array.from({ length: 200 }, (_none, part) => `q${part}`);
  const { dataset, sent } = await rig({ bytes: 30_000, names });
  const rows = dataset.records({}, { readers: 2 });
  await rows.next();
  // grpc-js buffers 16 messages at the server; the client takes one in use, two decoded, one that waits, and a window of 1 MiB.
  const most = 2 * (16 + 1 + 2 + 1 + 4);
  await expect.poll(() => sent.length).toBeGreaterThan(16);
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(sent.length).toBeLessThanOrEqual(most);
  await rows.return();
});

test('shards give every record once, are read again from their start, and are the same for another process', async () => {
  const { dataset } = await rig();
  const shards = await dataset.shards(5);
  const read = await Promise.all(shards.map(async (shard) => await Array.fromAsync(shard)));
  expect(new Set(read.flat().map(({ part, at }) => `${part}/${at}`)).size).toBe(ROWS.length);
  expect(read.flat()).toHaveLength(ROWS.length);
  for (const [index, { of, version, partitions, records }] of shards.entries()) {
    expect([...new Set(read[index]!.map(({ part }) => part))]).toEqual(partitions);
    expect(records).toBe(read[index]!.length);
    const elsewhere = JSON.parse(
      JSON.stringify({ version, shard: { index, of }, readers: 2 }),
    ) as RecordsOptions;
    expect(await Array.fromAsync(dataset.records({}, elsewhere))).toEqual(read[index]);
  }
  expect(await Array.fromAsync(shards[1]!)).toEqual(read[1]);
  const many = await dataset.shards(30);
  expect(await Array.fromAsync(many[29]!)).toEqual([]);
});

test('numbers out of bounds are refused', async () => {
  const { dataset } = await rig();
  for (const readers of [0, 9, 1.5, Number.NaN])
    expect(await codeOf(Array.fromAsync(dataset.records({}, { readers })))).toBe('bad-request');
  for (const count of [0, 1001, 2.5]) expect(await codeOf(dataset.shards(count))).toBe('bad-request');
  for (const options of [{ shard: { index: 0, of: 2 } }, { version: 'v1', shard: { index: 2, of: 2 } }])
    expect(await codeOf(Array.fromAsync(dataset.records({}, options)))).toBe('bad-request');
});

test('partitions are dealt out whole, in order, and evenly to the largest of them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1000 })),
      fc.integer({ min: 1, max: 20 }),
      (sizes, hands) => {
        const partitions = sizes.map((contentBytes, place) => ({
          name: `${place}`,
          place,
          records: 1,
          contentBytes,
          digest: '',
        }));
        const dealt = deal(partitions, hands);
        expect(dealt).toHaveLength(hands);
        expect(dealt.flat().toSorted((one, other) => one.place - other.place)).toEqual(partitions);
        for (const hand of dealt)
          expect(hand.toSorted((one, other) => one.place - other.place)).toEqual(hand);
        const bytes = dealt.map((hand) => hand.reduce((sum, { contentBytes }) => sum + contentBytes, 0));
        expect(Math.max(...bytes) - Math.min(...bytes)).toBeLessThanOrEqual(Math.max(0, ...sizes));
      },
    ),
  );
});
