/** Versions by what is in them: what servers have cut that cannot agree on a name goes by one that each of them finds for itself. */
import { createHash } from 'node:crypto';
import type { Datasets } from './dataset-service.ts';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import { CacheServerError } from '../errors.ts';

type Content = Pick<DatasetManifest, 'partitions'>;

const PREFIX = 'content-';
/** 128 bits. */
const DIGITS = 32;
/** Manifests never change. */
const known = new WeakMap<Content, string>();

/** The same for two versions whose partitions are the same, in the same order. */
export function contentVersion(manifest: Content): string {
  const there = known.get(manifest);
  if (there !== undefined) return there;
  const hash = createHash('sha256');
  for (const { name, digest } of manifest.partitions)
    hash.update(JSON.stringify([name, Buffer.from(digest).toString('hex')]));
  const version = PREFIX + hash.digest('hex').slice(0, DIGITS);
  known.set(manifest, version);
  return version;
}

/** Whether a version is named by its content. */
export function isContentVersion(version: string): boolean {
  return version.startsWith(PREFIX);
}

/**
 * The version that is named by its content: the current one, or another that is kept.
 *
 * @throws CacheServerError `not-found`
 */
export async function versionOfContent(
  datasets: Pick<Datasets, 'describe' | 'versions'>,
  { dataset, version, signal }: { dataset: string; version: string; signal: AbortSignal },
): Promise<DatasetManifest> {
  const { versions } = await datasets.versions(dataset);
  for (const kept of versions) {
    const manifest = await datasets.describe(dataset, kept.version, signal);
    if (contentVersion(manifest) === version) return manifest;
  }
  const current = await datasets.describe(dataset, '', signal);
  if (contentVersion(current) === version) return current;
  throw new CacheServerError('not-found', `dataset ${dataset} does not hold what version ${version} does`);
}
