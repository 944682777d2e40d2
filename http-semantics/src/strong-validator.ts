import { isStrongEtag } from './entity-tag.ts';
import { getHeader } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { parseHttpDate } from './http-date.ts';

/** A Last-Modified this much older than Date is a strong validator, however badly two clocks agree. */
const STRONG_DATE_MS = 60_000;

/** The Last-Modified of a response, where equal ones mean equal bytes: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.2.2 */
export function strongLastModified(headers: HeaderList): string | undefined {
  const lastModified = getHeader(headers, 'last-modified');
  // Only full years are compared here, so any `now` will do.
  const modifiedMs = parseHttpDate(lastModified, 0);
  const dateMs = parseHttpDate(getHeader(headers, 'date'), 0);
  if (modifiedMs === undefined || dateMs === undefined) return undefined;
  return dateMs - modifiedMs >= STRONG_DATE_MS ? lastModified : undefined;
}

/**
 * What names these very bytes, and what a request for more of them says in If-Range: the strong tag, else a date that is as good as one.
 * A weak tag says that the bytes may differ, so that beside one no date counts.
 * https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1
 *
 * @returns undefined where nothing does
 */
export function strongValidator(headers: HeaderList): string | undefined {
  const etag = getHeader(headers, 'etag');
  if (etag !== undefined) return isStrongEtag(etag) ? etag : undefined;
  return strongLastModified(headers);
}

/** Whether two responses are parts of one representation for certain: https://www.rfc-editor.org/rfc/rfc9110#section-15.3.7.3 */
export function haveSameBytes(one: HeaderList, other: HeaderList): boolean {
  const validator = strongValidator(one);
  return validator !== undefined && validator === strongValidator(other);
}
