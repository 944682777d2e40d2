import { cacheControlOf } from './cache-control.ts';
import { isEntityTag } from './entity-tag.ts';
import { freshnessLifetimeS, mustAlwaysRevalidate } from './freshness.ts';
import { getHeader, getTokenList, hasHeader } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { parseHttpDate } from './http-date.ts';
import { requestBypass } from './request-bypass.ts';

/** Why a response may not be stored. */
export type NotStorableReason =
  | 'method'
  | 'request'
  | 'status'
  | 'not-understood'
  | 'partial'
  | 'no-store'
  | 'private'
  | 'set-cookie'
  | 'vary'
  | 'vary-any'
  | 'status-without-freshness'
  | 'nothing-to-reuse';

export type Storability =
  { readonly storable: true } | { readonly storable: false; readonly reason: NotStorableReason };

type RequestHead = { readonly method: string; readonly headers: HeaderList };
type ResponseHead = { readonly status: number; readonly headers: HeaderList };

/**
 * Final statuses that the registry calls heuristically cacheable, beside 200. Ours must name a lifetime: an error that
 * sticks for longer than it meant to is worse than one more request.
 * https://www.rfc-editor.org/rfc/rfc9110#section-15.1
 */
const STORABLE_WITH_FRESHNESS: ReadonlySet<number> = new Set([
  203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
]);

/**
 * Whether a response may be stored and shared between callers. More cautious than the RFC allows: it is the floor
 * beneath every later refinement. Whether the body arrived complete is the caller's to prove.
 * https://www.rfc-editor.org/rfc/rfc9111#section-3
 *
 * @param now milliseconds; the time of arrival
 */
export function storability(request: RequestHead, response: ResponseHead, now: number): Storability {
  const reason = requestReason(request) ?? responseReason(response) ?? reuseReason(response, now);
  return reason === undefined ? { storable: true } : { storable: false, reason };
}

function requestReason({ method, headers }: RequestHead): NotStorableReason | undefined {
  const bypass = requestBypass(method, headers);
  if (bypass === undefined) return undefined;
  return bypass === 'bypass-method' ? 'method' : 'request';
}

function responseReason({ status, headers }: ResponseHead): NotStorableReason | undefined {
  // A 304 completes something stored, a 206 is a part: https://www.rfc-editor.org/rfc/rfc9111#section-3.3
  if (status === 206 || status === 304 || hasHeader(headers, 'content-range')) return 'partial';
  if (status !== 200 && !STORABLE_WITH_FRESHNESS.has(status)) return 'status';
  const cacheControl = cacheControlOf(headers);
  if (cacheControl.noStore) return 'no-store';
  // https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.7
  if (cacheControl.private) return 'private';
  // https://www.rfc-editor.org/rfc/rfc9111#section-7.3
  if (hasHeader(headers, 'set-cookie') || hasHeader(headers, 'set-cookie2')) return 'set-cookie';
  // https://www.rfc-editor.org/rfc/rfc9111#section-4.1-5
  const vary = getTokenList(headers, 'vary');
  if (vary.includes('*')) return 'vary-any';
  if (vary.some((name) => name !== 'accept-encoding')) return 'vary';
  return undefined;
}

/** Stored bytes that can be neither reused nor revalidated only take up room. */
function reuseReason({ status, headers }: ResponseHead, now: number): NotStorableReason | undefined {
  const lifetimeS = freshnessLifetimeS(headers, now);
  if (status !== 200) return lifetimeS > 0 ? undefined : 'status-without-freshness';
  const fresh = lifetimeS > 0 && !mustAlwaysRevalidate(headers);
  const etag = getHeader(headers, 'etag');
  const validator = etag !== undefined && isEntityTag(etag);
  const dated = parseHttpDate(getHeader(headers, 'last-modified'), now) !== undefined;
  return fresh || validator || dated ? undefined : 'nothing-to-reuse';
}
