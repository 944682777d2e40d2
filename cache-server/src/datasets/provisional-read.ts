/** Reads of a version that is being cut: its partitions as they are stored. Whether they are worth anything only the end of the refresh tells. */
import { abortable } from '@pannier/runtime';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import { restOf } from './begun-read.ts';
import type { DatasetIngest } from './dataset-ingest.ts';
import type { DatasetQuery, DatasetRead, ReadPartition } from './dataset-service.ts';
import { CacheServerError } from '../errors.ts';
import { asQueryError, mayMatch, readBatch, selectPartitions } from './read-dataset.ts';
import type { FrameReading } from './read-dataset.ts';

/** Settings of {@link provisionalParts}. */
export interface ProvisionalReading {
  readonly reading: FrameReading;
  /** The version that readers get once the refresh that began the ingest has ended. */
  readonly published: Promise<DatasetManifest>;
  /** Whether nothing was invalidated since the upstream was asked. */
  readonly isValid: () => Promise<boolean>;
  /** The same read, of a published version. */
  readonly readPublished: (manifest: DatasetManifest) => DatasetRead;
}

/**
 * The partitions of a version that is being cut. A reader who got all of it is not failed because it could not be kept: because its store lost
 * some of it, or the lease under which it was cut, so that it was cut again under another name. What was not judged fit to be read, and what was
 * invalidated meanwhile, counts only where the version that readers get now holds the same.
 *
 * @throws CacheServerError `bad-data` when it may not be read; what the refresh failed with; what reading a partition does
 */
export async function* provisionalParts(
  ingest: DatasetIngest,
  { reading, published, isValid, readPublished }: ProvisionalReading,
): AsyncGenerator<ReadPartition, void, undefined> {
  const { query, signal } = reading;
  const sent: Pick<ReadPartition, 'name' | 'digest'>[] = [];
  for await (const partition of ingest.partitions(signal)) {
    if (!mayMatch(partition, query)) continue;
    yield* await readBatch([partition], sent.length, reading);
    sent.push({ name: partition.name, digest: partition.digest });
  }
  const end = await abortable(settled(published), signal);
  const { manifest } = end;
  const isKept = manifest?.version === ingest.version;
  if (!isKept && ingest.fit !== undefined && (await isValid())) return requireQuery(ingest.fit, query);
  if (manifest === undefined) throw end.failure;
  requireQuery(manifest, query);
  if (isKept) return;
  const progress = { read: { manifest: undefined }, skipped: 0, sent };
  const rest = await restOf(progress, manifest, async () => readPublished(manifest));
  if (rest === undefined)
    throw new CacheServerError('bad-data', `version ${ingest.version} was not published`);
  yield* rest;
}

/** A filter on a field that there is not finds nothing while the data comes; at its end that can be told. */
function requireQuery(version: Parameters<typeof selectPartitions>[0], query: DatasetQuery): void {
  try {
    selectPartitions(version, query);
  } catch (error) {
    throw asQueryError(error);
  }
}

async function settled(
  published: Promise<DatasetManifest>,
): Promise<{ readonly manifest?: DatasetManifest; readonly failure?: unknown }> {
  return await published.then(
    (manifest) => ({ manifest }),
    (failure: unknown) => ({ failure }),
  );
}
