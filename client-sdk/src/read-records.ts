/** Records of a dataset, partition by partition, on one version from the first to the last. */
import { CacheService } from '@pannier/proto';
import { isRecordObject, keepFieldOrder, keptFieldOrder } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { PannierError } from './errors.ts';
import { FreshStarts, pause, RESUME_WITHIN_MS } from './fresh-starts.ts';
import { GivenPartitions } from './given-partitions.ts';
import { publishedVersion, versionPlan } from './read-plan.ts';
import { sentPartitions } from './read-steps.ts';
import type { ReadProgress, SentPartition } from './read-steps.ts';
import { recordMatcher } from './record-filter.ts';
import { readQuery } from './record-read.ts';
import type { ReadOptions, RecordRead } from './record-read.ts';
import { BackOff } from './transport/index.ts';
import type { StreamLimits, StreamServer } from './transport/index.ts';

/** What of a partition passes. */
export type PassedPartition = Pick<SentPartition, 'name' | 'records'>;

/** Yields the records that pass. See `Dataset.records`. */
export async function* readRecords<T>(read: RecordRead): AsyncGenerator<T, void, undefined> {
  for await (const { records } of readPartitions(read)) for (const record of records) yield record as T;
}

/** Yields what passes of each partition, in the order in which they are sent. */
export async function* readPartitions(read: RecordRead): AsyncGenerator<PassedPartition, void, undefined> {
  const { name, filter, options, transport } = read;
  const { signal, version = '', fields = [] } = options;
  const matches = recordMatcher(filter);
  const shown = fields.length === 0 ? undefined : new Set(fields);
  const progress: ReadProgress = {
    version,
    begun: false,
    partitions: 0,
    provisional: false,
    provisionalNames: new Set(),
    given: new GivenPartitions(),
  };
  try {
    const limits = { signal, again: patience(options, progress) };
    for await (const part of transport.stream(attempts(read, progress), limits)) {
      // What was made for this read has been filtered; what is whole, or was held, has not.
      const passed = part.isWhole ? part.records.filter(matches) : part.records;
      const isCut = part.isWhole && shown !== undefined;
      yield { name: part.name, records: isCut ? passed.map((record) => projected(record, shown)) : passed };
    }
  } catch (error) {
    const partitions = partitionsRead(progress);
    const isBroken = partitions > 0 && error instanceof PannierError && error.code !== 'bad-request';
    if (signal?.aborted === true || !isBroken) throw error;
    const what = `${name} after ${partitions} partitions: ${error.message}`;
    throw new PannierError('body-broken', what, { cause: error });
  }
}

/** One call for each server that is tried, which begins where the one before broke off. */
function attempts(
  read: RecordRead,
  progress: ReadProgress,
): (server: StreamServer) => AsyncGenerator<SentPartition, void, undefined> {
  const { name, held } = read;
  const query = readQuery(read);
  let wanted = [...read.partitions];
  async function* rest(server: StreamServer): AsyncGenerator<SentPartition, void, undefined> {
    if (progress.provisional) {
      const unread = await unreadOfPublished(read, progress, server);
      if (unread?.length === 0) return;
      wanted = unread ?? wanted;
    }
    const announced = held.of(name);
    const { version, partitions: skipPartitions } = progress;
    const request = { ...query, version, skipPartitions, partitions: wanted, held: [...announced.digests] };
    const call = server.open(CacheService.method.readPartitions, request);
    yield* sentPartitions(call, progress, { name, held, announced });
  }
  const starts = new FreshStarts(read.options);
  return async function* attempt(server) {
    for (;;) {
      try {
        yield* rest(server);
        return;
      } catch (error) {
        // Without a version it is the dataset that was not found; what came in no certain order cannot be compared.
        if (progress.version === '' || progress.provisionalNames.size > 0) throw error;
        if (progress.given.isBroken(error)) throw error;
        await starts.after(error, partitionsRead(progress));
        progress.given.beginAnew(error);
        progress.version = '';
        progress.partitions = 0;
      }
    }
  };
}

/**
 * A read of a version that was being fetched broke. What came is worth something once that very version is published; partitions came
 * in the order in which they were stored, so that the rest is asked for by name. Undefined when nothing had come: it begins anew.
 */
async function unreadOfPublished(
  read: RecordRead,
  progress: ReadProgress,
  server: StreamServer,
): Promise<string[] | undefined> {
  const { version, provisionalNames } = progress;
  const published = await publishedVersion(server, read);
  if (provisionalNames.size > 0 && published !== version)
    throw new PannierError('body-broken', `version ${version}, which was being fetched, is not published`);
  progress.provisional = false;
  progress.version = published;
  if (provisionalNames.size === 0) return undefined;
  const { partitions } = await versionPlan(read, version);
  return partitions.map((partition) => partition.name).filter((one) => !provisionalNames.has(one));
}

/** Whether to try all servers once more: as long as the last partition is not too long ago. A read that has not begun fails at once. */
function patience(
  { resumeWithinMs = RESUME_WITHIN_MS, signal }: ReadOptions,
  progress: ReadProgress,
): NonNullable<StreamLimits['again']> {
  let backOff = new BackOff();
  let brokenAfter = -1;
  let brokenAtMs = 0;
  return async () => {
    if (!progress.begun) return false;
    if (brokenAfter !== partitionsRead(progress)) {
      brokenAfter = partitionsRead(progress);
      brokenAtMs = performance.now();
      backOff = new BackOff();
    }
    const delayMs = backOff.next();
    if (performance.now() + delayMs - brokenAtMs > resumeWithinMs) return false;
    await pause(delayMs, signal);
    return true;
  };
}

function partitionsRead({ given }: ReadProgress): number {
  return given.count;
}

/** Without the fields that were not asked for, in the record's own order. */
function projected(record: RecordValue, fields: ReadonlySet<string>): RecordValue {
  if (!isRecordObject(record)) return record;
  const shown = Object.fromEntries(Object.entries(record).filter(([name]) => fields.has(name)));
  const order = keptFieldOrder(record);
  if (order !== undefined) keepFieldOrder(shown, order);
  return shown;
}
