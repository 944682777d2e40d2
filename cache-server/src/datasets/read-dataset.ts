/** The partitions of a read: which of a version's, in their order, and what is sent of each. */
import { DatasetError } from '../dataset/dataset-error.ts';
import { foresee, seerOf } from '../dataset/read/foresight.ts';
import {
  checkFilter,
  conditionCount,
  requireAffordable,
  requireField,
} from '../dataset/read/record-filter.ts';
import { selectFrom } from '../dataset/read/selection-thread.ts';
import type { DatasetManifest, DatasetPartition } from '../dataset/version/dataset-manifest.ts';
import type { DatasetQuery, ReadPartition } from './dataset-service.ts';
import { CacheServerError } from '../errors.ts';
import type { BodyFrames } from '../partition/body-frames.ts';

/** Frames that are read at once for one reader. */
const FRAMES_AHEAD = 4;
/** Largest content of a partition that is looked into, in bytes. */
const CONTENT_BYTES_MAX = 128 * 1024 * 1024;
/** Looks at statistics before a read begins, about 10 ms; the partitions for which none are left are read to find out. */
const FORESIGHT_STEPS_MAX = 100_000;

/** A version, also one that was only cut. */
type Selectable = Pick<DatasetManifest, 'dataset' | 'fields' | 'partitions'>;

/** Partitions that a query wants, in order, those left out that its statistics rule out. @throws DatasetError `bad-query` */
export function selectPartitions(manifest: Selectable, query: DatasetQuery): DatasetPartition[] {
  const { dataset } = manifest;
  const { filter } = query;
  const known = { dataset, fields: new Set(manifest.fields.map(({ name }) => name)) };
  if (filter !== undefined) checkFilter(filter, known);
  for (const field of query.fields) requireField(field, known);
  const partitions = namedPartitions(manifest, query.partitions);
  if (filter === undefined) return [...partitions];
  const [see, conditions, thought] = [seerOf(filter), conditionCount(filter), { steps: FORESIGHT_STEPS_MAX }];
  return partitions.filter((partition) => {
    const foreseen = see(partition, thought);
    if (foreseen === 'some') requireAffordable(conditions, partition.records, partition.name);
    return foreseen !== 'none';
  });
}

/** A partition that was split is asked for as a whole, or by its parts. */
function namedPartitions(
  { dataset, partitions }: Selectable,
  names: readonly string[],
): readonly DatasetPartition[] {
  if (names.length === 0) return partitions;
  const known = new Set(partitions.flatMap(({ name }) => [name, wholeName(name)]));
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new CacheServerError('not-found', `dataset ${dataset} has no partition "${unknown}"`);
  const wanted = new Set(names);
  return partitions.filter(({ name }) => wanted.has(name) || wanted.has(wholeName(name)));
}

/** `FR` for its part `FR~2`. */
function wholeName(name: string): string {
  return name.replace(/~\d+$/, '');
}

/** Whether statistics leave a partition a chance. */
export function mayMatch(partition: DatasetPartition, { filter }: DatasetQuery): boolean {
  return filter === undefined || foresee(filter, partition) !== 'none';
}

/** What reading frames needs. */
export interface FrameReading {
  readonly scope: string;
  readonly query: DatasetQuery;
  readonly frames: BodyFrames;
  readonly signal: AbortSignal;
  /** Called when one is missing or damaged. */
  readonly onLost: (partition: DatasetPartition) => Promise<void>;
}

/** Partitions as they are sent. Throws `CacheServerError` `store` when one is lost (`isLost`), or the store fails. */
export async function* readParts(
  partitions: readonly DatasetPartition[],
  reading: FrameReading,
  from: number,
): AsyncGenerator<ReadPartition> {
  for (let at = from; at < partitions.length; at += FRAMES_AHEAD) {
    reading.signal.throwIfAborted();
    const batch = partitions.slice(at, at + FRAMES_AHEAD);
    yield* await readBatch(batch, at, reading);
  }
}

/** Some partitions, read together. */
export async function readBatch(
  batch: readonly DatasetPartition[],
  at: number,
  reading: FrameReading,
): Promise<ReadPartition[]> {
  const { query, frames, scope } = reading;
  const wanted = batch.filter(({ digest }) => !query.held.has(hex(digest)));
  const found = await frames.read(
    scope,
    wanted.map(({ digest }) => digest),
  );
  const frameOf = new Map(wanted.map((partition, i) => [partition, found[i]]));
  return await Promise.all(
    batch.map(async (partition, i): Promise<ReadPartition> => {
      const { name, digest, records } = partition;
      const told = { name, digest, index: at + i };
      if (query.held.has(hex(digest))) return { ...told, records, sent: undefined };
      const frame = frameOf.get(partition);
      if (frame === undefined) {
        await reading.onLost(partition);
        const lost = `partition ${name} of dataset ${query.dataset} is lost`;
        throw new CacheServerError('store', lost, { isLost: true });
      }
      return { ...told, ...(await cutDown(partition, frame, reading)) };
    }),
  );
}

/** The frame as it is stored where everything in it is wanted, else one made for this read. */
async function cutDown(
  partition: DatasetPartition,
  frame: Buffer,
  { query: { dataset, filter, fields }, scope, signal }: FrameReading,
): Promise<Pick<ReadPartition, 'records' | 'sent'>> {
  const { name, records, digest, statistics, contentBytes } = partition;
  const takesAllRows = filter === undefined || foresee(filter, partition) === 'all';
  const picked = new Set(fields);
  const takesAllFields = fields.length === 0 || statistics.every((field) => picked.has(field.name));
  if (takesAllRows && takesAllFields) return { records, sent: { digest, frame } };
  const contentBytesMax = Math.min(contentBytes, CONTENT_BYTES_MAX);
  const selection = {
    filter: takesAllRows ? undefined : filter,
    fields: takesAllFields ? undefined : fields,
  };
  const cut = { scope, digest, frame, contentBytesMax, ...selection };
  try {
    // Of a version that is being cut no partition was looked at before.
    if (selection.filter !== undefined) requireAffordable(conditionCount(selection.filter), records, name);
    const sent = await selectFrom({ cut, records, contentBytes }, signal);
    return { records: sent.records, sent };
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof DatasetError) throw asQueryError(cause);
    const what = `partition ${name} of dataset ${dataset}: ${cause instanceof Error ? cause.message : ''}`;
    throw new CacheServerError('store', what, { cause, isLost: true });
  }
}

/** A query about a version that is still being cut can be answered partition by partition when it names none. */
export function canBeProvisional({ version, partitions, skipPartitions, held }: DatasetQuery): boolean {
  return version === '' && partitions.length === 0 && skipPartitions === 0 && held.size === 0;
}

/** What a bad query is to rpc/. */
export function asQueryError(error: unknown): unknown {
  if (!(error instanceof DatasetError)) return error;
  const code = error.code === 'limit-exceeded' ? 'limit-exceeded' : 'bad-request';
  return new CacheServerError(code, error.message, { cause: error });
}

function hex(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}
