/** Records of a dataset, partition by partition, on one version from the first to the last. */
import { CacheService } from '@pannier/proto';
import type { DatasetPartition, ReadPartitionsResponse } from '@pannier/proto';
import { decodeRecords } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { PannierError } from './errors.ts';
import type { HeldPartitions } from './held-partitions.ts';
import { filterMessage, recordMatcher } from './record-filter.ts';
import type { RecordFilter } from './record-filter.ts';
import { decodeAhead, decodeStored, processBudget, storedBytes } from './transport/index.ts';
import type { Transport } from './transport/index.ts';

/** What a read may ask for beside its filter. */
export interface ReadOptions {
  /** Ends the read; it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Version to read; default: the current one. */
  readonly version?: string;
  /** Fields of the records; default: all. What is left out is not sent. */
  readonly fields?: readonly string[];
}

/** A read. */
export interface RecordRead {
  readonly name: string;
  readonly filter: RecordFilter;
  /** Names of the partitions; empty for those that the filter leaves. */
  readonly partitions: readonly string[];
  readonly options: ReadOptions;
  readonly transport: Transport;
  readonly held: HeldPartitions;
}

/** Where a read stands; what a server that takes over needs to know. */
interface ReadProgress {
  version: string;
  partitions: number;
  /** Of a version that was not published yet: no other server can go on with it. */
  provisional: boolean;
}

/** Partitions decoded at once. */
const DECODE_DEPTH = 2;

/** Yields what passes. See `Dataset.records`. */
export async function* readRecords<T>(read: RecordRead): AsyncGenerator<T, void, undefined> {
  const { name, filter, partitions, options, transport, held } = read;
  const { signal, version = '', fields = [] } = options;
  const message = filterMessage(filter);
  const matches = recordMatcher(filter);
  const progress: ReadProgress = { version, partitions: 0, provisional: false };
  const batches = transport.stream(
    (server) => {
      if (progress.provisional)
        throw new PannierError('body-broken', `${name}: the version that was being fetched is lost`);
      const request = {
        dataset: name,
        version: progress.version,
        skipPartitions: progress.partitions,
        partitions: [...partitions],
        fields: [...fields],
        held: held.digests(name),
        ...(message === undefined ? {} : { filter: message }),
      };
      return readPartitions(server.open(CacheService.method.readPartitions, request), progress, {
        name,
        held,
      });
    },
    { signal },
  );
  const shown = fields.length === 0 ? undefined : new Set(fields);
  try {
    for await (const { records, isWhole } of batches) {
      for (const record of records) {
        // What was made for this read has been filtered; what is whole, or was held, has not.
        if (!isWhole) yield record as T;
        else if (matches(record)) yield (shown === undefined ? record : projected(record, shown)) as T;
      }
    }
  } catch (error) {
    const isBroken = progress.partitions > 0 && error instanceof PannierError && error.code !== 'bad-request';
    if (signal?.aborted === true || !isBroken) throw error;
    const what = `${name} after ${progress.partitions} partitions: ${error.message}`;
    throw new PannierError('body-broken', what, { cause: error });
  }
}

/** Without the fields that were not asked for, in the record's own order. */
function projected(record: RecordValue, fields: ReadonlySet<string>): RecordValue {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return record;
  return Object.fromEntries(Object.entries(record).filter(([name]) => fields.has(name)));
}

interface Batch {
  readonly records: readonly RecordValue[];
  /** True when the server left nothing out. */
  readonly isWhole: boolean;
}

type ReadStep =
  | ({ readonly kind: 'records'; readonly sent: number } & Batch)
  | { readonly kind: 'start'; readonly version: string; readonly provisional: boolean }
  | { readonly kind: 'complete'; readonly version: string; readonly records: number };

interface Holding {
  readonly name: string;
  readonly held: HeldPartitions;
}

/** The partitions of one call. Ends only when the server has said that everything was sent, and everything came. */
async function* readPartitions(
  call: AsyncGenerator<ReadPartitionsResponse, void, undefined>,
  progress: ReadProgress,
  holding: Holding,
): AsyncGenerator<Batch, void, undefined> {
  let records = 0;
  let whole = false;
  const decode = async (message: ReadPartitionsResponse): Promise<ReadStep> =>
    await decodeStep(message, holding);
  const steps = decodeAhead(withoutProgress(call), {
    decode,
    weigh,
    depth: DECODE_DEPTH,
    budget: processBudget,
  });
  for await (const step of steps) {
    if (step.kind === 'start') {
      requireVersion(step.version, progress);
      progress.provisional = step.provisional;
    } else if (step.kind === 'complete') {
      requireVersion(step.version, progress);
      if (step.records !== records)
        throw new PannierError('protocol', `${records} records came of ${step.records}`);
      whole = true;
    } else {
      records += step.sent;
      progress.partitions += 1;
      yield step;
    }
  }
  if (!whole) throw new PannierError('unavailable', 'the stream ended before every partition was sent');
}

async function* withoutProgress(
  call: AsyncGenerator<ReadPartitionsResponse, void, undefined>,
): AsyncGenerator<ReadPartitionsResponse, void, undefined> {
  for await (const message of call) if (message.part.case !== 'progress') yield message;
}

/** A read that began on a version ends on it. */
function requireVersion(version: string, progress: ReadProgress): void {
  if (progress.version === '') progress.version = version;
  if (progress.version === version) return;
  throw new PannierError('protocol', `version ${version} came, and the read began on ${progress.version}`);
}

function weigh({ part }: ReadPartitionsResponse): number {
  if (part.case !== 'partition' || part.value.stored === undefined) return 0;
  return storedBytes(part.value.stored);
}

async function decodeStep({ part }: ReadPartitionsResponse, holding: Holding): Promise<ReadStep> {
  if (part.case === 'start') {
    return { kind: 'start', version: part.value.version, provisional: part.value.provisional };
  }
  if (part.case === 'complete') {
    return { kind: 'complete', version: part.value.version, records: Number(part.value.records) };
  }
  if (part.case !== 'partition')
    throw new PannierError('protocol', 'a step of a read that this client does not know');
  return await decodePartition(part.value, holding);
}

async function decodePartition(
  { name, digest, stored, records: count }: DatasetPartition,
  holding: Holding,
): Promise<ReadStep> {
  const partition = stored ?? holding.held.get(holding.name, digest);
  if (partition === undefined)
    throw new PannierError('protocol', `${name}: the server believes that this client holds it`);
  const records = await decodeStored(partition, decodeRecords);
  const sent = Number(count);
  if (records.length !== sent)
    throw new PannierError('protocol', `${name}: ${records.length} records of ${sent}`);
  // A server that does not tell digests yet sends whole partitions.
  const isWhole =
    stored === undefined || digest.byteLength === 0 || Buffer.compare(stored.digest, digest) === 0;
  if (isWhole && stored !== undefined) holding.held.put(holding.name, stored);
  return { kind: 'records', records, sent, isWhole };
}
