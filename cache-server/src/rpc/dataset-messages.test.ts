import { create, toBinary } from '@bufbuild/protobuf';
import { DatasetDescriptionSchema, DescriptionDetail } from '@pannier/proto';
import type { DatasetDescription } from '@pannier/proto';
import { expect, test } from 'vitest';
import type { FieldStatistics } from '../dataset/read/field-statistics.ts';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import { descriptionMessage } from './dataset-messages.ts';
import type { DescriptionQuery } from './dataset-messages.ts';

function field(at: number): FieldStatistics {
  const text = `some text value ${at}`;
  return { name: `field_${at}`, types: ['string'], present: 1, nulls: 0, minString: text, maxString: text };
}

/** A legal dataset: as many partitions as there may be, of very many fields. */
function wide(partitions: number, fields: number): DatasetManifest {
  const statistics = Array.from({ length: fields }, (_none, at) => field(at));
  return {
    dataset: 'wide',
    scope: 's',
    version: 'v1',
    sourceVersion: '',
    declaration: '',
    publishedAtMs: 1,
    records: partitions,
    duplicates: 0,
    missing: 0,
    dropped: 0,
    keyNames: ['id'],
    fields: statistics,
    quantileEdges: undefined,
    partitions: Array.from({ length: partitions }, (_none, id) => {
      const sizes = { records: 1, contentBytes: 1000, storedBytes: 500 };
      return { name: `id-${id}`, key: [id], ...sizes, digest: Buffer.alloc(32, id), statistics };
    }),
  };
}

const { UNSPECIFIED, VERSION, FIELDS, PARTITIONS, STATISTICS } = DescriptionDetail;

function described(manifest: DatasetManifest, query: Partial<DescriptionQuery>): DatasetDescription {
  const whole = { detail: UNSPECIFIED, partitions: [], skipPartitions: 0, ...query };
  return create(DatasetDescriptionSchema, descriptionMessage(manifest, whole));
}

function bytes(description: DatasetDescription): number {
  return toBinary(DatasetDescriptionSchema, description).byteLength;
}

test('a version is told in a message that does not grow with the dataset', () => {
  const description = described(wide(10_000, 61), { detail: VERSION });
  expect(description).toMatchObject({ version: 'v1', records: 10_000n, partitionCount: 10_000 });
  expect([description.fields, description.partitions]).toEqual([[], []]);
  expect(bytes(description)).toBeLessThan(100);
});

test('each extent tells what the one before it does, too', () => {
  const sizes = [VERSION, FIELDS, PARTITIONS, STATISTICS, UNSPECIFIED].map((detail) => {
    const { fields, partitions } = described(wide(3, 2), { detail });
    return [fields.length, partitions.length, partitions[0]?.fields.length ?? 0];
  });
  expect(sizes).toEqual([
    [0, 0, 0],
    [2, 0, 0],
    [2, 3, 0],
    [2, 3, 2],
    [2, 3, 2],
  ]);
});

test('statistics of thousands of partitions come in answers that fit, and together they are all', () => {
  const manifest = wide(2000, 61);
  const first = described(manifest, {});
  // Also for a client that does not know of more answers no partition is missing.
  expect(first.partitions.map(({ name }) => name)).toEqual(manifest.partitions.map(({ name }) => name));
  const complete = first.partitions.slice(0, first.nextStatistics);
  for (let next = first.nextStatistics; next > 0;) {
    const more = described(manifest, { skipPartitions: next });
    expect(bytes(more)).toBeLessThan(1024 * 1024);
    complete.push(...more.partitions);
    next = more.nextStatistics;
  }
  expect(bytes(first)).toBeLessThan(2 * 1024 * 1024);
  expect(complete.map(({ name }) => name)).toEqual(manifest.partitions.map(({ name }) => name));
  expect(complete.every(({ fields }) => fields.length === 61)).toBe(true);
});

test('one partition is told at least, however many fields it has', () => {
  const manifest = wide(3, 5000);
  expect(described(manifest, {}).nextStatistics).toBe(1);
  const more = described(manifest, { skipPartitions: 1 });
  expect([more.partitions.map(({ name }) => name), more.nextStatistics]).toEqual([['id-1'], 2]);
  expect(described(manifest, { skipPartitions: 2 }).nextStatistics).toBe(0);
  expect(described(manifest, { skipPartitions: 3 }).partitions).toEqual([]);
});

test('only the partitions that are asked for are told, with their parts', () => {
  const manifest = wide(4, 1);
  const partitions = manifest.partitions.map((part, at) => ({
    ...part,
    name: at < 2 ? `FR~${at + 1}` : part.name,
  }));
  const told = (names: string[]): string[] =>
    described({ ...manifest, partitions }, { partitions: names }).partitions.map(({ name }) => name);
  expect(told(['FR'])).toEqual(['FR~1', 'FR~2']);
  expect(told(['FR~2', 'id-3', 'none'])).toEqual(['FR~2', 'id-3']);
});
