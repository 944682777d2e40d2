import { isStrongEtag, matchesAnyTag } from './entity-tag.ts';
import { getHeader } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { parseHttpDate } from './http-date.ts';
import type { StoredHead } from './stored-head.ts';
import { strongLastModified } from './strong-validator.ts';

type RequestHead = { readonly method: string; readonly headers: HeaderList };

/**
 * How a client's conditions stand to a stored response that would otherwise answer it: `not-modified` for a 304, `none` for the
 * response itself. If-Match and If-Unmodified-Since are not a cache's to judge (a 412 would have to come from the
 * origin): a request with one goes past the cache, see `requestBypass`, and here they are ignored.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.3.2
 *
 * @param now milliseconds; decides the century of a two-digit year
 */
export function evaluatePreconditions(
  { method, headers }: RequestHead,
  stored: StoredHead,
  now: number,
): 'none' | 'not-modified' {
  // https://www.rfc-editor.org/rfc/rfc9110#section-13.2.1
  if (stored.status < 200 || stored.status > 299 || !(method === 'GET' || method === 'HEAD')) return 'none';
  // Before If-Modified-Since, which does not count beside it: https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
  const ifNoneMatch = getHeader(headers, 'if-none-match');
  const clientHasIt =
    ifNoneMatch === undefined
      ? isUnmodifiedSince(getHeader(headers, 'if-modified-since'), stored, now)
      : matchesAnyTag(ifNoneMatch, getHeader(stored.headers, 'etag') ?? '');
  return clientHasIt ? 'not-modified' : 'none';
}

/** By Last-Modified, else by Date, else by when the response came: https://www.rfc-editor.org/rfc/rfc9111#section-4.3.2 */
function isUnmodifiedSince(condition: string | undefined, stored: StoredHead, now: number): boolean {
  // What is not exactly one date is no condition: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3
  const sinceMs = parseHttpDate(condition, now);
  if (sinceMs === undefined) return false;
  const modifiedMs =
    parseHttpDate(getHeader(stored.headers, 'last-modified'), now) ??
    parseHttpDate(getHeader(stored.headers, 'date'), now) ??
    stored.responseTimeMs;
  return modifiedMs <= sinceMs;
}

/**
 * Whether If-Range lets the ranges of a request be answered from a stored response: there is none, or it names exactly that
 * representation. Otherwise the whole is sent.
 * https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
 */
export function rangeStillApplies({ headers }: RequestHead, { headers: stored }: StoredHead): boolean {
  const ifRange = getHeader(headers, 'if-range');
  if (ifRange === undefined) return true;
  // Strong comparison: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3.2
  if (isStrongEtag(ifRange)) return ifRange === getHeader(stored, 'etag');
  return ifRange === strongLastModified(stored);
}
