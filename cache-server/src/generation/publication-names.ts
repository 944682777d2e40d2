import type { PublishedVersion } from './invalidation-log.ts';

/**
 * Names of partitions that one event tells of, in bytes. The log keeps a hundred thousand events, and is read by pages within a deadline: with
 * all names a few thousand publications of a large dataset could not be read any more, and nothing would be confirmed again.
 */
const NAMES_BYTES_MAX = 8 * 1024;

/** A publication with the names that there is room for. */
export function boundedPublication(published: PublishedVersion): PublishedVersion {
  const changed = firstNames(published.changed);
  const removed = firstNames(published.removed);
  const isCut = changed.length < published.changed.length || removed.length < published.removed.length;
  return { ...published, changed, removed, ...(isCut ? { namesLeftOut: true } : {}) };
}

function firstNames(names: readonly string[]): readonly string[] {
  let bytes = 0;
  const end = names.findIndex((name) => (bytes += Buffer.byteLength(name)) > NAMES_BYTES_MAX);
  return end < 0 ? names : names.slice(0, end);
}
