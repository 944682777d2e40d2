/** Who reads what of a version: several readers of one program, or workers that each read a shard. */
import { PannierError } from './errors.ts';
import { FreshStarts } from './fresh-starts.ts';
import { readInParallel } from './parallel-read.ts';
import type { ArrivedPartition } from './parallel-read.ts';
import { deal, isSameContent, planRead } from './read-plan.ts';
import type { ReadPlan } from './read-plan.ts';
import { readRecords } from './read-records.ts';
import type { ReadOptions, RecordRead } from './record-read.ts';

/** One of the equal parts of a version. */
export interface ShardPlace {
  /** 0 to `of` - 1. */
  readonly index: number;
  /** Number of parts, 1 to 1,000. */
  readonly of: number;
}

/** What a read of records may ask for. */
export interface RecordsOptions extends ReadOptions {
  /** Streams that read at a time, 1 to 8; default 1. Each holds about three partitions in memory. */
  readonly readers?: number;
  /** False: records of several readers come as they arrive, those of one partition together and in order. Default true. */
  readonly ordered?: boolean;
  /** At most so many records, the first ones in order; the rest of the read is cancelled. */
  readonly limit?: number;
  /** Only one of several parts of the version, which `version` must name, so that all parts are of the same one. */
  readonly shard?: ShardPlace;
}

/** A part of a version. Iterating it reads it from its start. */
export interface DatasetShard<T> extends AsyncIterable<T>, ShardPlace {
  readonly version: string;
  /** Names of its partitions. */
  readonly partitions: readonly string[];
  /** Number of records in them, before any filter. */
  readonly records: number;
}

const READERS_MAX = 8;
const SHARDS_MAX = 1000;

/** A read as `Dataset.records` is asked for it. */
export function readWithReaders<T>(
  read: RecordRead,
  { readers = 1, ordered = true, shard, limit = Infinity }: RecordsOptions,
): AsyncGenerator<T, void, undefined> {
  const records =
    readers === 1 && shard === undefined
      ? readRecords<T>(read)
      : eachOf<T>(readPlanned(read, { readers, ordered, shard }));
  return limit === Infinity ? records : firstOf(records, limit);
}

async function* firstOf<T>(records: AsyncIterable<T>, limit: number): AsyncGenerator<T, void, undefined> {
  requireCount('limit', limit, Number.MAX_SAFE_INTEGER);
  let count = 0;
  for await (const record of records) {
    yield record;
    count += 1;
    if (count === limit) return;
  }
}

async function* readPlanned(
  read: RecordRead,
  { readers, ordered, shard }: { readers: number; ordered: boolean; shard: ShardPlace | undefined },
): AsyncGenerator<ArrivedPartition, void, undefined> {
  requireCount('readers', readers, READERS_MAX);
  if (shard !== undefined) requireShard(shard, read);
  const starts = new FreshStarts(read.options);
  /** Places of the partitions of which the caller has records. */
  const given = new Set<number>();
  /** Places of all that came; a filter may have left no record of one. */
  const come = new Set<number>();
  let plan = await planRead(read, starts);
  for (;;) {
    const partitions = partitionsOf(plan, shard).filter(({ place }) => !given.has(place));
    try {
      for await (const arrived of readInParallel(read, { ...plan, partitions }, { readers, ordered })) {
        come.add(arrived.place);
        if (arrived.records.length > 0) given.add(arrived.place);
        yield arrived;
      }
      return;
    } catch (error) {
      await starts.after(error, come.size);
      const next = await planRead(read, starts);
      // What the caller has is of this version, and so is all that may follow.
      if (given.size > 0 && !isSameContent(plan, next)) throw error;
      plan = next;
    }
  }
}

function partitionsOf({ partitions }: ReadPlan, shard: ShardPlace | undefined): ReadPlan['partitions'] {
  return shard === undefined ? partitions : (deal(partitions, shard.of)[shard.index] ?? []);
}

async function* eachOf<T>(parts: AsyncIterable<ArrivedPartition>): AsyncGenerator<T, void, undefined> {
  for await (const { records } of parts) for (const record of records) yield record as T;
}

/** See `Dataset.shards`. */
export async function planShards<T>(read: RecordRead, count: number): Promise<readonly DatasetShard<T>[]> {
  requireCount('shards', count, SHARDS_MAX);
  const { version, partitions } = await planRead(read, new FreshStarts(read.options));
  return deal(partitions, count).map((hand, index) => ({
    version,
    index,
    of: count,
    partitions: hand.map(({ name }) => name),
    records: hand.reduce((sum, { records }) => sum + records, 0),
    [Symbol.asyncIterator]: () =>
      eachOf<T>(readInParallel(read, { version, partitions: hand }, { readers: 1, ordered: true })),
  }));
}

function requireShard({ index, of }: ShardPlace, { options }: RecordRead): void {
  requireCount('shard.of', of, SHARDS_MAX);
  if (!Number.isInteger(index) || index < 0 || index >= of)
    throw new PannierError('bad-request', `shard.index: want 0 to ${of - 1}, not ${index}`);
  if ((options.version ?? '') === '')
    throw new PannierError('bad-request', 'shard: needs `version`, so that all shards are of the same one');
}

function requireCount(what: string, count: number, most: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= most) return;
  throw new PannierError('bad-request', `${what}: want 1 to ${most}, not ${count}`);
}
