import { isStrongEtag, weaklyEqual } from './entity-tag.ts';
import { getHeader, withoutHeaders } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { withoutHopByHop } from './hop-by-hop.ts';
import type { StoredHead } from './stored-head.ts';

/**
 * What describes the stored bytes and no 304 may change.
 * https://www.rfc-editor.org/rfc/rfc9111#section-3.2
 */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-md5',
  'content-range',
  'content-type',
  'content-digest',
  'repr-digest',
  'digest',
]);

/**
 * The stored head after the upstream answered 304 to our `conditionalHeaders`: the 304's fields replace the stored ones, and age
 * starts anew. Ask `storability` again with the result: a 304 can turn a response private.
 *
 * @returns undefined when the 304 speaks of another representation than the stored one; fetch it whole then
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.3.4
 */
export function freshen(stored: StoredHead, notModified: Omit<StoredHead, 'status'>): StoredHead | undefined {
  if (!isAboutStored(stored.headers, notModified.headers)) return undefined;
  const updates = updatesOf(stored.headers, notModified.headers);
  // The old Age and Date belong to the old answer: even where the 304 has none, they would age the new one.
  const replaced = new Set([...updates.map(([name]) => name.toLowerCase()), 'age', 'date']);
  return {
    status: stored.status,
    headers: [...withoutHeaders(stored.headers, replaced), ...updates],
    requestTimeMs: notModified.requestTimeMs,
    responseTimeMs: notModified.responseTimeMs,
  };
}

/** A 304 without validators answers the condition we sent; one with a validator must carry the stored one. */
function isAboutStored(stored: HeaderList, notModified: HeaderList): boolean {
  const etag = getHeader(notModified, 'etag');
  const storedEtag = getHeader(stored, 'etag');
  if (etag !== undefined && storedEtag !== undefined) return weaklyEqual(etag, storedEtag);
  const lastModified = getHeader(notModified, 'last-modified');
  const storedLastModified = getHeader(stored, 'last-modified');
  return (
    lastModified === undefined || storedLastModified === undefined || lastModified === storedLastModified
  );
}

function updatesOf(stored: HeaderList, notModified: HeaderList): HeaderList {
  const updates = withoutHeaders(withoutHopByHop(notModified), OF_THE_BODY);
  // nginx weakens the tag of a gzipped 200 but not that of its 304; taking the 304's would claim too much.
  const strengthened =
    isStrongEtag(getHeader(notModified, 'etag')) && !isStrongEtag(getHeader(stored, 'etag'));
  return strengthened ? withoutHeaders(updates, new Set(['etag'])) : updates;
}
