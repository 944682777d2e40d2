import { isEntityTag, parseEntityTags, weaklyEqual } from './entity-tag.ts';
import { getHeader } from './headers.ts';
import type { Header, HeaderList } from './headers.ts';
import { parseHttpDate } from './http-date.ts';
import type { StoredHead } from './stored-head.ts';

/** What a 304 has to repeat of the 200 that it stands for: https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5-2 */
const NOT_MODIFIED_NAMES: ReadonlySet<string> = new Set([
  'age',
  'cache-control',
  'content-location',
  'date',
  'etag',
  'expires',
  'last-modified',
  'vary',
]);

/**
 * The conditions under which the upstream need not send the body again: both validators when both are valid, verbatim.
 * Empty when the stored response has none, and then only a full fetch renews it.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.3.1
 */
export function conditionalHeaders(stored: HeaderList): HeaderList {
  const conditions: Header[] = [];
  const etag = getHeader(stored, 'etag');
  if (etag !== undefined && isEntityTag(etag)) conditions.push(['if-none-match', etag]);
  const lastModified = getHeader(stored, 'last-modified');
  // Only whether it is a date matters here, so any `now` will do.
  if (lastModified !== undefined && parseHttpDate(lastModified, 0) !== undefined) {
    conditions.push(['if-modified-since', lastModified]);
  }
  return conditions;
}

/**
 * Answers a client's own conditions from what is stored: the headers of a 304, or undefined when the client's copy is
 * another one, no condition was sent, or it cannot be read.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.3.2
 *
 * @param now milliseconds
 */
export function notModifiedFor(request: HeaderList, stored: StoredHead, now: number): HeaderList | undefined {
  if (stored.status !== 200 || !clientHasIt(request, stored.headers, now)) return undefined;
  return stored.headers.filter(([name]) => NOT_MODIFIED_NAMES.has(name.toLowerCase()));
}

function clientHasIt(request: HeaderList, stored: HeaderList, now: number): boolean {
  const ifNoneMatch = getHeader(request, 'if-none-match');
  if (ifNoneMatch !== undefined) {
    // If-Modified-Since does not count beside it: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3-5
    if (ifNoneMatch === '*') return true;
    const etag = getHeader(stored, 'etag') ?? '';
    return parseEntityTags(ifNoneMatch).some((tag) => weaklyEqual(tag, etag));
  }
  const since = parseHttpDate(getHeader(request, 'if-modified-since'), now);
  const lastModified = parseHttpDate(getHeader(stored, 'last-modified'), now);
  return since !== undefined && lastModified !== undefined && lastModified <= since;
}
