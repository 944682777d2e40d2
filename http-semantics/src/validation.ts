import { isEntityTag } from './entity-tag.ts';
import { getHeader } from './headers.ts';
import type { Header, HeaderList } from './headers.ts';
import { parseHttpDate } from './http-date.ts';
import { evaluatePreconditions } from './preconditions.ts';
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
export function notModifiedFor(
  request: { readonly method: string; readonly headers: HeaderList },
  stored: StoredHead,
  now: number,
): HeaderList | undefined {
  if (evaluatePreconditions(request, stored, now) === 'none') return undefined;
  return stored.headers.filter(([name]) => NOT_MODIFIED_NAMES.has(name.toLowerCase()));
}
