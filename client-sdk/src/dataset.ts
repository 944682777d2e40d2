/** Records of a dataset, partition by partition, on one version from the first to the last. */
import { CacheService } from '@pannier/proto';
import type { ReadPartitionsResponse } from '@pannier/proto';
import { decodeRecords } from '@pannier/proto/partition-format';
import type { RecordObject } from '@pannier/proto/partition-format';
import type { CallOptions } from './client-options.ts';
import { datasetDescription } from './dataset-description.ts';
import type { DatasetDescription } from './dataset-description.ts';
import { PannierError } from './errors.ts';
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
}

/** A dataset that the server's configuration declares. */
export interface Dataset<T> {
  readonly name: string;
  /**
   * Reads records, in the order of their partitions. Numbers that a double cannot hold are `bigint` or `ExactNumber`. A read
   * that breaks goes on at another server, on the same version; leaving early cancels it.
   *
   * @param filter `{ country: 'CZ' }`: equality and-ed; an array stands for any of its values
   * @throws PannierError `not-found` for an unknown dataset, naming the known ones; `body-broken` when the read cannot be finished
   */
  records(filter?: RecordFilter<T>, options?: ReadOptions): AsyncGenerator<T, void, undefined>;
  /** Fields, partitions and the current version. */
  describe(options?: CallOptions): Promise<DatasetDescription>;
}

/** Makes one; nothing is asked before its methods are called. */
export function openDataset<T = RecordObject>(
  name: string,
  transport: Transport,
  deadlineMs: number,
): Dataset<T> {
  return {
    name,
    records: (filter = {}, options = {}) => readRecords<T>({ name, filter, options, transport }),
    async describe(options = {}) {
      const limits = { deadlineMs, ...options };
      const { description } = await transport.unary(
        CacheService.method.describeDataset,
        { dataset: name },
        limits,
      );
      if (description === undefined)
        throw new PannierError('protocol', `${name}: a description without content`);
      return datasetDescription(description);
    },
  };
}

interface RecordRead {
  readonly name: string;
  readonly filter: RecordFilter;
  readonly options: ReadOptions;
  readonly transport: Transport;
}

/** Where a read stands; what a server that takes over needs to know. */
interface ReadProgress {
  version: string;
  partitions: number;
}

/** Partitions decoded at once. */
const DECODE_DEPTH = 2;

async function* readRecords<T>({
  name,
  filter,
  options,
  transport,
}: RecordRead): AsyncGenerator<T, void, undefined> {
  const { signal, version = '' } = options;
  const message = filterMessage(filter);
  const matches = recordMatcher(filter);
  const progress: ReadProgress = { version, partitions: 0 };
  const partitions = transport.stream(
    (server) => {
      const request = { dataset: name, version: progress.version, skipPartitions: progress.partitions };
      const call = server.open(
        CacheService.method.readPartitions,
        message === undefined ? request : { ...request, filter: message },
      );
      return readPartitions(call, progress);
    },
    { signal },
  );
  try {
    for await (const records of partitions)
      for (const record of records) if (matches(record)) yield record as T;
  } catch (error) {
    if (signal?.aborted === true || progress.partitions === 0 || !(error instanceof PannierError))
      throw error;
    throw new PannierError(
      'body-broken',
      `${name} after ${progress.partitions} partitions: ${error.message}`,
      { cause: error },
    );
  }
}

type ReadStep =
  | { readonly kind: 'records'; readonly records: readonly unknown[] }
  | { readonly kind: 'start'; readonly version: string }
  | { readonly kind: 'complete'; readonly version: string; readonly records: number };

/** The partitions of one call. Ends only when the server has said that everything was sent, and everything came. */
async function* readPartitions(
  call: AsyncGenerator<ReadPartitionsResponse, void, undefined>,
  progress: ReadProgress,
): AsyncGenerator<readonly unknown[], void, undefined> {
  let records = 0;
  let whole = false;
  for await (const step of decodeAhead(withoutProgress(call), {
    decode,
    weigh,
    depth: DECODE_DEPTH,
    budget: processBudget,
  })) {
    if (step.kind === 'start') requireVersion(step.version, progress);
    else if (step.kind === 'complete') {
      requireVersion(step.version, progress);
      if (step.records !== records)
        throw new PannierError('protocol', `${records} records came of ${step.records}`);
      whole = true;
    } else {
      records += step.records.length;
      progress.partitions += 1;
      yield step.records;
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

async function decode({ part }: ReadPartitionsResponse): Promise<ReadStep> {
  if (part.case === 'start') return { kind: 'start', version: part.value.version };
  if (part.case === 'complete') {
    return { kind: 'complete', version: part.value.version, records: Number(part.value.records) };
  }
  if (part.case !== 'partition' || part.value.stored === undefined) {
    throw new PannierError('protocol', 'a step of a read that this client does not know');
  }
  const records = await decodeStored(part.value.stored, decodeRecords);
  if (records.length === Number(part.value.records)) return { kind: 'records', records };
  throw new PannierError(
    'protocol',
    `${part.value.name}: ${records.length} records of ${part.value.records}`,
  );
}
