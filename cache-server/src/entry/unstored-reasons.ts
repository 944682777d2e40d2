/** Why what was to be stored was not, by key: for the one who waits for nothing else, and to whom "it is not there" says too little. */
import type { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import type { EntryKey } from './entry-key.ts';
import type { ReportFailure } from '../observe/failure-report.ts';
import type { Failure } from '../observe/server-counters.ts';

/** The last reason of a key, and what failed. */
export interface Unstored {
  readonly reason: Failure;
  readonly error: unknown;
  readonly atMs: number;
}

/** What keeps an entry from being stored, or from being found again. */
const REASONS: ReadonlySet<Failure> = new Set([
  'store-read',
  'store-write',
  'storing-abandoned',
  'found-too-large',
]);

/** Reports, and keeps what is a reason. */
export function keepingReasons(
  report: ReportFailure,
  { kept, clock }: { kept: LRUCache<string, Unstored>; clock: Clock },
): ReportFailure {
  return (reason, details = {}) => {
    const { key, error } = details;
    if (key !== undefined && REASONS.has(reason)) kept.set(key, { reason, error, atMs: clock.now() });
    report(reason, details);
  };
}

/** Why what was asked for at this time is not stored, as far as this server knows. */
export function unstoredSince(
  kept: LRUCache<string, Unstored>,
  key: EntryKey | undefined,
  sinceMs = 0,
): CacheServerError {
  const last = key && kept.get(key.text);
  return unstoredError(last !== undefined && last.atMs >= sinceMs ? last : undefined);
}

/** The reason as an error for people: of the store's own words only those that were written for them. */
function unstoredError(unstored: Unstored | undefined): CacheServerError {
  if (unstored?.reason === 'found-too-large')
    return new CacheServerError('bad-data', 'its response may not be stored (too-large)');
  const error = unstored?.error;
  const why =
    error instanceof CacheServerError
      ? error.message
      : unstored === undefined
        ? 'it was purged or replaced meanwhile, or the store does not keep it'
        : 'the store failed';
  return new CacheServerError('store', `it was not stored: ${why}`, { cause: error });
}
