/** What a stored entry is good for: pure decisions over a manifest, a request and the time. */
import {
  conditionalHeaders,
  currentAgeMs,
  lifetimeOf,
  mayStore,
  mayUseOnError,
  reuse,
  stateOf,
} from '@pannier/http-semantics';
import type { CachePolicy, HeaderList, Storability, StoredHead, StoredState } from '@pannier/http-semantics';

/** A head and the policy by which it is stored and used again. */
export interface JudgedHead extends StoredHead {
  readonly policy: CachePolicy;
  readonly doubt?: Doubt | undefined;
}

/**
 * What invalidations leave of freshness, whatever the head says:
 *
 * - `stale`        none: it was invalidated softly, and may be used wherever something stale may
 * - `unconfirmed`  nothing, without the upstream's word: what was invalidated lately is not known
 */
export type Doubt = 'stale' | 'unconfirmed';

/** Freshness by the head and by what is known of invalidations. One that was just invalidated has been stale for no time. */
function stateNow(head: JudgedHead, now: number): StoredState {
  const state = stateOf(head, head.policy, now);
  if (head.doubt === undefined) return state;
  if (head.doubt === 'stale') return { ...state, fresh: false };
  return { ...state, fresh: false, mustRevalidate: true, whileRevalidateMs: 0, ifErrorMs: 0 };
}

/**
 * - `fresh`                   answers the request as it is
 * - `stale-allowed`           answers it because the request asks for no better
 * - `stale-while-revalidate`  answers it while the upstream is asked behind its back
 * - `revalidate`              may answer it if the upstream agrees
 * - `miss`                    has neither freshness nor validators
 */
export type EntryUse = 'fresh' | 'stale-allowed' | 'stale-while-revalidate' | 'revalidate' | 'miss';

const HOUR_MS = 3_600_000;
/** How long an entry stays in the store when it is of no more use than to be revalidated. */
const RETENTION_MS_MIN = HOUR_MS;
/** Longest time that an entry stays in the store. */
export const RETENTION_MS_MAX = 7 * 24 * HOUR_MS;

/** What a stored entry is good for, for a request with these headers. */
export function entryUse(
  head: JudgedHead,
  request: HeaderList,
  { now, ignoreNoCache }: { now: number; ignoreNoCache: boolean },
): EntryUse {
  const use = reuse(stateNow(head, now), request, { ignoreNoCache });
  if (use !== 'revalidate') return use;
  return conditionalHeaders(head.headers).length > 0 ? 'revalidate' : 'miss';
}

/** Whether it answers a request that sets no bounds of its own. */
export function isFresh(head: JudgedHead, now: number): boolean {
  return stateNow(head, now).fresh;
}

/** Whether what it says of its lifetime is a date that has passed, so that none but a new answer makes it fresh again. */
export function awaitsNewDate(head: JudgedHead, now: number): boolean {
  const { lifetimeS, source } = lifetimeOf(head, head.policy);
  return source === 'expires' && lifetimeS > 0 && currentAgeMs(head, now) >= lifetimeS * 1000;
}

/** Whether it may answer although the upstream fails: https://www.rfc-editor.org/rfc/rfc5861#section-4 */
export function entryServesOnError(head: JudgedHead, request: HeaderList, now: number): boolean {
  return mayUseOnError(stateNow(head, now), request);
}

/** Age and lifetime of an entry. */
export function entryFreshness(head: JudgedHead, now: number): StoredState {
  return stateNow(head, now);
}

/** Milliseconds for which any caller may go on using the entry; 0 when it is stale. */
export function freshForMs(head: JudgedHead, now: number): number {
  const { fresh, lifetimeS } = stateNow(head, now);
  return fresh ? Math.max(0, lifetimeS * 1000 - currentAgeMs(head, now)) : 0;
}

/** Whether a response to a fetch with these headers may be stored and shared. */
export function entryStorability(head: JudgedHead, sent: HeaderList): Storability {
  const given = { policy: head.policy, now: head.responseTimeMs };
  return mayStore({ method: 'GET', headers: sent }, head, given);
}

/**
 * How long a manifest stays in the store, in milliseconds: while it is fresh or may be used stale, and an hour more, to be
 * revalidated; at most 7 days.
 */
export function retentionMs(head: JudgedHead): number {
  const { lifetimeS } = lifetimeOf(head, head.policy);
  const { whileRevalidateMs, ifErrorMs } = stateOf(head, head.policy, head.responseTimeMs);
  const usefulMs = lifetimeS * 1000 + Math.max(whileRevalidateMs, ifErrorMs);
  return Math.min(usefulMs + RETENTION_MS_MIN, RETENTION_MS_MAX);
}
