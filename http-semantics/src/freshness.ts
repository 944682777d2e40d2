import { currentAgeMs } from './age.ts';
import { cacheControlOf } from './cache-control.ts';
import { DELTA_SECONDS_MAX } from './directive-list.ts';
import { getHeader, getTokenList, hasHeader } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { parseHttpDate } from './http-date.ts';
import type { StoredHead } from './stored-head.ts';

/** Whole seconds, as they go into `Age` and Cache-Status; `fresh` is decided on milliseconds. */
export type Freshness = {
  readonly ageS: number;
  readonly lifetimeS: number;
  /** May be reused without asking the upstream. */
  readonly fresh: boolean;
};

/**
 * Age, lifetime and freshness of a stored response in a shared cache.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.2
 *
 * @param now milliseconds
 */
export function freshnessOf(stored: StoredHead, now: number): Freshness {
  const ageMs = currentAgeMs(stored, now);
  const lifetimeS = freshnessLifetimeS(stored.headers, stored.responseTimeMs);
  const fresh = lifetimeS * 1000 > ageMs && !mustAlwaysRevalidate(stored.headers);
  return { ageS: Math.floor(ageMs / 1000), lifetimeS, fresh };
}

/**
 * Seconds that the response says it stays fresh, counted from its generation. There is no heuristic yet: a response
 * that names no lifetime has none, and is revalidated at every use.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1
 *
 * @param responseTimeMs when the head arrived, which stands in for a missing or bad Date
 */
export function freshnessLifetimeS(headers: HeaderList, responseTimeMs: number): number {
  const { sMaxAgeS, maxAgeS } = cacheControlOf(headers);
  const declared = sMaxAgeS ?? maxAgeS;
  if (declared !== undefined) return declared;
  // A bad Expires, `0` above all, means already expired: https://www.rfc-editor.org/rfc/rfc9111#section-5.3-6
  const expiresMs = parseHttpDate(getHeader(headers, 'expires'), responseTimeMs);
  if (expiresMs === undefined) return 0;
  const dateMs = parseHttpDate(getHeader(headers, 'date'), responseTimeMs) ?? responseTimeMs;
  return Math.min(Math.max(0, Math.floor((expiresMs - dateMs) / 1000)), DELTA_SECONDS_MAX);
}

/** `no-cache`, or the older `Pragma` where no Cache-Control speaks: stored perhaps, but asked about every time. */
export function mustAlwaysRevalidate(headers: HeaderList): boolean {
  if (hasHeader(headers, 'cache-control')) return cacheControlOf(headers).noCache;
  return getTokenList(headers, 'pragma').includes('no-cache');
}
