/** What operators do with the versions of a dataset: list, pin, roll back, compare. */
import { decodeFrame, decodeRecords } from '@pannier/proto/partition-format';
import type { RecordValue } from '@pannier/proto/partition-format';
import { abortable } from '@pannier/runtime';
import type { Clock } from '../clock.ts';
import { diffPartitions, diffRecords } from '../dataset/version/version-diff.ts';
import type { DatasetManifest, DatasetPartition } from '../dataset/version/dataset-manifest.ts';
import { pinned, rolledBack } from '../dataset/version/version-shelf.ts';
import type { DatasetArchive } from './dataset-archive.ts';
import type { DatasetPublication, Datasets, DiffQuery } from './dataset-service.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import { CacheServerError } from '../errors.ts';
import type { BodyFrames } from '../partition/body-frames.ts';
import { publication } from './publish-dataset.ts';
import { asQueryError } from './read-dataset.ts';

/** Records that a comparison may hold. */
const DIFF_RECORDS_MAX = 1_000_000;
/** How long a comparison of records may take, in milliseconds. */
const DIFF_DEADLINE_MS = 60_000;
const CONTENT_BYTES_MAX = 128 * 1024 * 1024;

/** What the operations work with. */
export interface VersionDeps {
  readonly archive: DatasetArchive;
  readonly frames: BodyFrames;
  readonly clock: Clock;
}

/** A version that is kept. @throws CacheServerError `not-found` that lists those that are */
export async function keptVersion(
  declared: DeclaredDataset,
  version: string,
  archive: DatasetArchive,
): Promise<DatasetManifest> {
  const manifest = version === '' ? undefined : await archive.manifest(declared, version);
  if (manifest !== undefined) return manifest;
  const { versions } = await archive.shelf(declared);
  const kept = versions.map((one) => one.version).join(', ') || 'none';
  const what = `dataset ${declared.name} has no version ${version || 'at all'}; kept are: ${kept}`;
  throw new CacheServerError('not-found', what);
}

/** Keeps a version, or lets it go. @throws CacheServerError `bad-request` for one that is not kept */
export async function pinVersion(
  declared: DeclaredDataset,
  { version, isPinned }: { version: string; isPinned: boolean },
  { archive }: VersionDeps,
): Promise<void> {
  try {
    await archive.changeShelf(declared, (shelf) => pinned(shelf, version, isPinned));
  } catch (error) {
    throw asQueryError(error);
  }
}

/** Makes a version the current one; what readers see change. @throws CacheServerError `bad-request` for one that is not kept */
export async function rollBack(
  declared: DeclaredDataset,
  version: string,
  { archive }: VersionDeps,
): Promise<DatasetPublication> {
  const { current: former } = await archive.shelf(declared);
  const target = await keptVersion(declared, version, archive);
  try {
    await archive.changeShelf(declared, (shelf) => rolledBack(shelf, version));
  } catch (error) {
    throw asQueryError(error);
  }
  return publication(former === '' ? undefined : await archive.manifest(declared, former), target);
}

/** What differs between two versions; records only where fields identify them. Ends with the signal, or after a minute. */
export async function diffVersions(
  declared: DeclaredDataset,
  { from, to, keyFields, limit, signal }: DiffQuery & { readonly signal: AbortSignal },
  { archive, frames, clock }: VersionDeps,
): ReturnType<Datasets['diff']> {
  const { current } = await archive.shelf(declared);
  const older = await keptVersion(declared, from, archive);
  const newer = await keptVersion(declared, to === '' ? current : to, archive);
  const partitions = diffPartitions(older, newer);
  const fields = keyFields.length > 0 ? keyFields : [declared.settings.key ?? []].flat();
  if (fields.length === 0) return { ...partitions, records: undefined };
  const changed = new Set(partitions.changed.map(({ name }) => name));
  const before = [...partitions.removed, ...older.partitions.filter(({ name }) => changed.has(name))];
  const after = [...partitions.added, ...partitions.changed];
  const deadline = new AbortController();
  const late = new CacheServerError('deadline', `comparing records took over ${DIFF_DEADLINE_MS / 1000} s`);
  const stopDeadline = clock.after(DIFF_DEADLINE_MS, () => deadline.abort(late));
  const ended = AbortSignal.any([signal, deadline.signal]);
  const options = { keyFields: fields, limit, recordsMax: DIFF_RECORDS_MAX, signal: ended };
  const { scope } = declared.key;
  const recordsOf = (some: readonly DatasetPartition[]): AsyncIterable<readonly RecordValue[]> =>
    partitionRecords(some, scope, { frames, signal: ended });
  try {
    return { ...partitions, records: await diffRecords(recordsOf(before), recordsOf(after), options) };
  } catch (error) {
    throw asQueryError(error);
  } finally {
    stopDeadline();
  }
}

async function* partitionRecords(
  partitions: readonly DatasetPartition[],
  scope: string,
  { frames, signal }: { frames: BodyFrames; signal: AbortSignal },
): AsyncGenerator<readonly RecordValue[]> {
  for (const { digest, name } of partitions) {
    const [frame] = await abortable(frames.read(scope, [digest]), signal);
    if (frame === undefined) throw new CacheServerError('store', `partition ${name} is lost`);
    yield decodeRecords(await decodeFrame(frame, { scope, digest, contentBytesMax: CONTENT_BYTES_MAX }));
  }
}
