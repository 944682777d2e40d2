import { DELTA_SECONDS_MAX } from './directive-list.ts';
import { getHeader, hasHeader } from './headers.ts';
import { parseHttpDate } from './http-date.ts';
import type { CachePolicy } from './policy.ts';
import { responseDirectives } from './response-directives.ts';
import { isHeuristicallyCacheable } from './status-code.ts';
import type { StoredHead } from './stored-head.ts';

/** Who named the lifetime: the response (the first three), the heuristic, or the operator. */
export type LifetimeSource =
  'forced' | 's-maxage' | 'max-age' | 'expires' | 'heuristic' | 'negative' | 'default' | 'none';

export type Lifetime = { readonly lifetimeS: number; readonly source: LifetimeSource };

type Dated = Pick<StoredHead, 'status' | 'headers' | 'responseTimeMs'>;

/**
 * Whole seconds that a response stays fresh, and why. Those that the response names and the heuristic's count from the
 * response's generation; those of the operator (forced, negative, default) from its arrival.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1
 */
export function lifetimeOf(stored: Dated, policy: CachePolicy): Lifetime {
  const { status } = stored;
  // An error that sticks for longer than it meant to is worse than one more request.
  const raisable = status < 400;
  if (raisable && policy.forcedTtlS !== undefined) return lifetime(policy.forcedTtlS, 'forced');
  const named = namedLifetime(stored);
  if (named !== undefined) {
    return raisable ? lifetime(Math.max(named.lifetimeS, policy.minTtlS), named.source) : named;
  }
  const negativeTtlS = negativeTtlOf(status, policy);
  if (negativeTtlS !== undefined) return lifetime(negativeTtlS, 'negative');
  const heuristicS = heuristicSeconds(stored, policy);
  if (heuristicS > 0) return lifetime(heuristicS, 'heuristic');
  if (raisable && policy.defaultTtlS !== undefined && isHeuristicallyCacheable(status)) {
    return lifetime(policy.defaultTtlS, 'default');
  }
  return { lifetimeS: 0, source: 'none' };
}

/** What the response itself says: https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1 */
function namedLifetime({ headers, responseTimeMs }: Dated): Lifetime | undefined {
  const { sMaxAgeS, maxAgeS, field } = responseDirectives(headers);
  if (sMaxAgeS !== undefined) return lifetime(sMaxAgeS, 's-maxage');
  if (maxAgeS !== undefined) return lifetime(maxAgeS, 'max-age');
  // https://www.rfc-editor.org/rfc/rfc9213#section-2.2
  const targeted = field === 'cdn-cache-control' || field === 'pannier-cache-control';
  if (targeted || !hasHeader(headers, 'expires')) return undefined;
  const expiresMs = parseHttpDate(getHeader(headers, 'expires'), responseTimeMs);
  // A bad Expires, `0` above all, means already expired: https://www.rfc-editor.org/rfc/rfc9111#section-5.3
  if (expiresMs === undefined) return lifetime(0, 'expires');
  return lifetime((expiresMs - dateOf({ headers, responseTimeMs })) / 1000, 'expires');
}

/**
 * A share of the time for which the response had already stayed the same when it was sent.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2
 */
function heuristicSeconds(stored: Dated, policy: CachePolicy): number {
  const { status, headers, responseTimeMs } = stored;
  // https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2
  if (!isHeuristicallyCacheable(status) && !responseDirectives(headers).public) return 0;
  const lastModifiedMs = parseHttpDate(getHeader(headers, 'last-modified'), responseTimeMs);
  if (lastModifiedMs === undefined) return 0;
  const unchangedS = Math.max(0, dateOf(stored) - lastModifiedMs) / 1000;
  return Math.floor(Math.min(unchangedS * policy.heuristicShare, policy.heuristicTtlMaxS));
}

/** The operator's lifetime for an answer of that status that names none. */
function negativeTtlOf(status: number, { negativeTtlS }: CachePolicy): number | undefined {
  const key = String(status);
  return Object.hasOwn(negativeTtlS, key) ? negativeTtlS[key] : undefined;
}

/** Arrival stands in for a missing or bad Date: https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1 */
function dateOf({ headers, responseTimeMs }: Pick<Dated, 'headers' | 'responseTimeMs'>): number {
  return parseHttpDate(getHeader(headers, 'date'), responseTimeMs) ?? responseTimeMs;
}

function lifetime(seconds: number, source: LifetimeSource): Lifetime {
  return { lifetimeS: Math.min(Math.max(0, Math.floor(seconds)), DELTA_SECONDS_MAX), source };
}
