import { CacheServerError } from '../errors.ts';

/** Longest time to live that is stored, in milliseconds: ten years; a longer one is shortened to it. */
const TTL_MAX_MS = 10 * 365 * 86_400_000;

/**
 * A time to live as it is stored: whole milliseconds, rounded up, at most ten years.
 *
 * @throws CacheServerError `internal` when it is not a number of at least 1; such a key would never go away, or never come.
 */
export function storedTtlMs(ttlMs: number): number {
  if (!(ttlMs >= 1))
    throw new CacheServerError('internal', `a time to live of ${ttlMs} ms is not at least 1`);
  return Math.min(Math.ceil(ttlMs), TTL_MAX_MS);
}
