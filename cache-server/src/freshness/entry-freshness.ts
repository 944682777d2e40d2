/** What a stored entry is good for: pure decisions over a manifest, a request and the time. */
import {
  cacheControlOf,
  conditionalHeaders,
  currentAgeMs,
  freshnessLifetimeS,
  freshnessOf,
  getTokenList,
  hasHeader,
  isReusable,
  requestDirectives,
  storability,
} from '@pannier/http-semantics';
import type { Freshness, HeaderList, Storability, StoredHead } from '@pannier/http-semantics';

/** A head and how long it lives where it says nothing of it. */
export interface JudgedHead extends StoredHead {
  /** Seconds, from the upstream's configuration. */
  readonly defaultLifetimeS: number | undefined;
}

/**
 * - `fresh`       answers the request as it is
 * - `revalidate`  may answer it if the upstream agrees
 * - `miss`        has neither freshness nor validators
 */
export type EntryState = 'fresh' | 'revalidate' | 'miss';

const HOUR_MS = 3_600_000;
/** Shortest and longest time that an entry stays in the store, fresh or to be revalidated. */
const RETENTION_MS_MIN = HOUR_MS;
const RETENTION_MS_MAX = 7 * 24 * HOUR_MS;

/** What a stored entry is good for, for a request with these headers. */
export function entryState(head: JudgedHead, request: HeaderList, now: number): EntryState {
  if (isReusable(entryFreshness(head, now), requestDirectives(request))) return 'fresh';
  return conditionalHeaders(head.headers).length > 0 ? 'revalidate' : 'miss';
}

/** Age and lifetime of an entry, with the upstream's default where the response says nothing. */
export function entryFreshness(head: JudgedHead, now: number): Freshness {
  return freshnessOf({ ...head, headers: withDefaultLifetime(head) }, now);
}

/** Milliseconds for which any caller may go on using the entry; 0 when it is stale. */
export function freshForMs(head: JudgedHead, now: number): number {
  const { fresh, lifetimeS } = entryFreshness(head, now);
  return fresh ? Math.max(0, lifetimeS * 1000 - currentAgeMs(head, now)) : 0;
}

/** Whether a response to a shared fetch may be stored and shared. */
export function entryStorability(head: JudgedHead, shared: HeaderList): Storability {
  const response = { status: head.status, headers: withDefaultLifetime(head) };
  return storability({ method: 'GET', headers: shared }, response, head.responseTimeMs);
}

/** How long a manifest stays in the store, in milliseconds: while it is fresh and at least an hour, to be revalidated; at most 7 days. */
export function retentionMs(head: JudgedHead): number {
  const lifetimeMs = freshnessLifetimeS(withDefaultLifetime(head), head.responseTimeMs) * 1000;
  return Math.min(Math.max(lifetimeMs, RETENTION_MS_MIN), RETENTION_MS_MAX);
}

/** The operator's default speaks only for a response that is silent: https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1 */
function withDefaultLifetime({ headers, status, defaultLifetimeS }: JudgedHead): HeaderList {
  if (defaultLifetimeS === undefined || status !== 200 || saysLifetime(headers)) return headers;
  return [...headers, ['cache-control', `max-age=${defaultLifetimeS}`]];
}

function saysLifetime(headers: HeaderList): boolean {
  const { maxAgeS, sMaxAgeS, noCache, noStore } = cacheControlOf(headers);
  return (
    maxAgeS !== undefined ||
    sMaxAgeS !== undefined ||
    noCache ||
    noStore ||
    hasHeader(headers, 'expires') ||
    getTokenList(headers, 'pragma').includes('no-cache')
  );
}
