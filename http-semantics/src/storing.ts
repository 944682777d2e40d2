import { isEntityTag } from './entity-tag.ts';
import { getHeader, hasHeader, withoutHeaders } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { withoutHopByHop } from './hop-by-hop.ts';
import { parseHttpDate } from './http-date.ts';
import { lifetimeOf } from './lifetime.ts';
import type { CachePolicy } from './policy.ts';
import { looksLikeCredential, requestBypass } from './request-bypass.ts';
import { responseDirectives } from './response-directives.ts';
import type { ResponseDirectives } from './response-directives.ts';
import { isHeuristicallyCacheable, isNeverStored, isStatusUnderstood } from './status-code.ts';
import { stateOf } from './stored-state.ts';
import { varyNames } from './vary.ts';

/** Why a response may not be stored. */
export type NotStorableReason =
  | 'method'
  | 'request'
  | 'credentials'
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

/**
 * Why a response was passed on and not stored: the token that stands as `detail` in Cache-Status.
 *
 * - `too-large`        larger than an entry may be
 * - `close-delimited`  only the end of its connection says where it ends
 * - `stale-kept`       an error, and what is stored may go on answering instead
 * - `wait-limited`     fetched for one caller alone, beside another fetch of the same
 */
export type StoringRefusal =
  NotStorableReason | 'too-large' | 'close-delimited' | 'stale-kept' | 'wait-limited';

export type Storability =
  { readonly storable: true } | { readonly storable: false; readonly reason: NotStorableReason };

type RequestHead = { readonly method: string; readonly headers: HeaderList };
type ResponseHead = { readonly status: number; readonly headers: HeaderList };
type Given = { readonly policy: CachePolicy; readonly now: number };
type Judged = ResponseHead &
  Given & {
    readonly directives: ResponseDirectives;
    /** Kept for the one who asked, and for whoever shows the same credentials. */
    readonly isOwn: boolean;
  };

/**
 * Whether a response may be stored and shared between callers. Whether its body arrived complete is the caller's to prove.
 * Ask again after each `freshen`: a 304 can turn a response private.
 * https://www.rfc-editor.org/rfc/rfc9111#section-3
 *
 * @param request as the client sent it
 * @param given.now milliseconds; the time of arrival
 */
export function mayStore(request: RequestHead, response: ResponseHead, given: Given): Storability {
  const isOwn = given.policy.credentials === 'keyed' && hasCredentials(request.headers);
  const judged = { ...response, ...given, directives: responseDirectives(response.headers), isOwn };
  // Whose a response is comes before what it is good for: a redirect that names no lifetime is of no use later, and may be passed on
  // to all who wait for it now, but not if it sets a cookie.
  const reason =
    requestReason(request, judged) ??
    sharingReason(judged) ??
    statusReason(judged) ??
    directiveReason(judged) ??
    reuseReason(judged);
  return reason === undefined ? { storable: true } : { storable: false, reason };
}

/**
 * What is kept of a response's fields: neither those of one connection, nor those that `private="…"` or `no-cache="…"`
 * name. https://www.rfc-editor.org/rfc/rfc9111#section-3.1
 */
export function storedFields(headers: HeaderList): HeaderList {
  const { noCacheFields, privateFields } = responseDirectives(headers);
  return withoutHeaders(withoutHopByHop(headers), new Set([...noCacheFields, ...privateFields]));
}

function requestReason({ method, headers }: RequestHead, judged: Judged): NotStorableReason | undefined {
  // A whole response is whole whatever range or condition the client had in mind.
  const allowed = { credentials: true, range: true, precondition: true };
  const bypass = requestBypass(method, headers, allowed);
  if (bypass !== undefined) return bypass === 'bypass-method' ? 'method' : 'request';
  const { policy, directives } = judged;
  // Stored for those alone who send the same credentials.
  if (!hasCredentials(headers) || policy.credentials === 'keyed') return undefined;
  // https://www.rfc-editor.org/rfc/rfc9111#section-3.5; for other credentials than Authorization by analogy.
  const shareable = directives.public || directives.mustRevalidate || directives.sMaxAgeS !== undefined;
  return policy.credentials === 'rfc' && shareable && !directives.garbled ? undefined : 'credentials';
}

function hasCredentials(headers: HeaderList): boolean {
  return headers.some(([name]) => looksLikeCredential(name.toLowerCase()));
}

function statusReason({ status, directives }: Judged): NotStorableReason | undefined {
  if (status < 200 || status > 599 || isNeverStored(status)) return 'status';
  // A 304 completes something stored, a 206 is a part, a 416 speaks of one: https://www.rfc-editor.org/rfc/rfc9111#section-3.3
  if (status === 206 || status === 304 || status === 416) return 'partial';
  // The answer to one client's condition: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.13
  if (status === 412) return 'request';
  // https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.3
  return directives.mustUnderstand && !isStatusUnderstood(status) ? 'not-understood' : undefined;
}

function directiveReason(judged: Judged): NotStorableReason | undefined {
  const { status, directives, policy, now } = judged;
  // By now the status is understood, and then must-understand overrules: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.3
  const overruled = directives.mustUnderstand && !directives.garbled;
  if (directives.noStore && !overruled) return 'no-store';
  // https://www.rfc-editor.org/rfc/rfc9111#section-3
  if (directives.public || isHeuristicallyCacheable(status)) return undefined;
  const { source } = lifetimeOf({ ...judged, responseTimeMs: now }, policy);
  return source === 'none' ? 'status-without-freshness' : undefined;
}

function sharingReason({
  status,
  headers,
  directives,
  policy,
  isOwn,
}: Judged): NotStorableReason | undefined {
  // About the head of one request, whoever else asks for the URL: https://www.rfc-editor.org/rfc/rfc6585#section-5
  if (status === 431) return 'request';
  // https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.7
  if (directives.private && !isOwn) return 'private';
  // Even one that would not be kept: who waits for this fetch with others gets the head as it came.
  const cookie = hasHeader(headers, 'set-cookie') || hasHeader(headers, 'set-cookie2');
  // https://www.rfc-editor.org/rfc/rfc9111#section-7.3
  if (cookie && policy.setCookie === 'never-share') return 'set-cookie';
  const vary = varyNames(headers);
  // https://www.rfc-editor.org/rfc/rfc9111#section-4.1
  if (vary === '*') return 'vary-any';
  return policy.credentials === 'never' && vary.some(looksLikeCredential) ? 'vary' : undefined;
}

/** Stored bytes that can be neither reused nor revalidated only take up room. */
function reuseReason({ status, headers, directives, policy, now }: Judged): NotStorableReason | undefined {
  const arrived = { status, headers, requestTimeMs: now, responseTimeMs: now };
  const { whileRevalidateMs, ifErrorMs } = stateOf(arrived, policy, now);
  if (lifetimeOf(arrived, policy).lifetimeS > 0 && !directives.noCache) return undefined;
  // One error need not stand in for another.
  if (whileRevalidateMs > 0 || (ifErrorMs > 0 && status < 400)) return undefined;
  const etag = getHeader(headers, 'etag');
  const validator = etag !== undefined && isEntityTag(etag);
  const dated = parseHttpDate(getHeader(headers, 'last-modified'), now) !== undefined;
  // Conditions apply to successful answers only: https://www.rfc-editor.org/rfc/rfc9110#section-13.2.1
  return status < 300 && (validator || dated) ? undefined : 'nothing-to-reuse';
}
