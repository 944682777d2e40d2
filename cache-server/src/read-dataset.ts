/** The partitions of a read: which of a version's, in their order, and what is sent of each. */
import {
  contentDigest,
  decodeFrame,
  decodeLayout,
  encodeFrame,
  encodeLayout,
} from '@pannier/proto/partition-format';
import { DatasetError } from './dataset/dataset-error.ts';
import { checkFilter, foresee, requireField } from './dataset/read/record-filter.ts';
import { recordCount, selectRows } from './dataset/read/select-rows.ts';
import type { DatasetManifest, DatasetPartition } from './dataset/version/dataset-manifest.ts';
import type { DatasetQuery, ReadPartition } from './dataset-service.ts';
import { CacheServerError } from './errors.ts';
import type { BodyFrames } from './partition/body-frames.ts';

/** Frames that are read at once for one reader. */
const FRAMES_AHEAD = 4;
/** Largest content of a partition that is looked into, in bytes. */
const CONTENT_BYTES_MAX = 128 * 1024 * 1024;

/** Partitions that a query wants, in order, those left out that its statistics rule out. @throws DatasetError `bad-query` */
export function selectPartitions(manifest: DatasetManifest, query: DatasetQuery): DatasetPartition[] {
  const { dataset, fields } = manifest;
  const names = fields.map(({ name }) => name);
  if (query.filter !== undefined) checkFilter(query.filter, dataset, names);
  for (const field of query.fields) requireField(field, dataset, names);
  // A partition that was split is asked for as a whole, or by its parts.
  const known = new Set(manifest.partitions.flatMap(({ name }) => [name, wholeName(name)]));
  const unknown = query.partitions.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new CacheServerError('not-found', `dataset ${dataset} has no partition "${unknown}"`);
  const wanted = query.partitions.length === 0 ? undefined : new Set(query.partitions);
  return manifest.partitions.filter(
    (partition) =>
      (wanted === undefined || wanted.has(partition.name) || wanted.has(wholeName(partition.name))) &&
      mayMatch(partition, query),
  );
}

/** `FR` for its part `FR~2`. */
function wholeName(name: string): string {
  return name.replace(/~\d+$/, '');
}

/** Whether statistics leave a partition a chance. */
export function mayMatch({ records, statistics }: DatasetPartition, { filter }: DatasetQuery): boolean {
  return filter === undefined || foresee(filter, records, statistics) !== 'none';
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

/** Partitions as they are sent. Throws `CacheServerError` `store` when one is lost. */
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
        throw new CacheServerError('store', `partition ${name} of dataset ${query.dataset} is lost`);
      }
      return { ...told, ...(await cutDown(partition, frame, reading)) };
    }),
  );
}

/** The frame as it is stored where everything in it is wanted, else one made for this read. */
async function cutDown(
  { records, digest, statistics, contentBytes }: DatasetPartition,
  frame: Buffer,
  { query: { filter, fields }, scope }: FrameReading,
): Promise<Pick<ReadPartition, 'records' | 'sent'>> {
  const takesAllRows = filter === undefined || foresee(filter, records, statistics) === 'all';
  const takesAllFields = fields.length === 0 || statistics.every(({ name }) => fields.includes(name));
  if (takesAllRows && takesAllFields) return { records, sent: { digest, frame } };
  const contentBytesMax = Math.min(contentBytes, CONTENT_BYTES_MAX);
  const layout = decodeLayout(await decodeFrame(frame, { scope, digest, contentBytesMax }));
  const taken = selectRows(layout, {
    filter: takesAllRows ? undefined : filter,
    fields: takesAllFields ? undefined : fields,
  });
  const content = encodeLayout(taken);
  const made = contentDigest(content, 'dataset');
  const sent = { digest: made, frame: await encodeFrame(content, { scope, digest: made, compress: true }) };
  return { records: recordCount(taken), sent };
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
