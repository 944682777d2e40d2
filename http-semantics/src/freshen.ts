import { isStrongEtag, weaklyEqual } from './entity-tag.ts';
import { getHeader, withoutHeaders } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { withoutHopByHop } from './hop-by-hop.ts';
import type { StoredHead } from './stored-head.ts';

/**
 * What the stored bytes depend on and no later head may change. Content-Type is not among them: it only names them.
 * https://www.rfc-editor.org/rfc/rfc9111#section-3.2
 */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-md5',
  'content-range',
  'content-digest',
  'repr-digest',
  'digest',
]);

/**
 * The stored head after the upstream answered 304 to our `conditionalHeaders`: the 304's fields replace the stored ones, and age
 * starts anew. Ask `mayStore` again with the result, for a 304 can turn a response private, and pass its headers through
 * `storedFields`.
 *
 * @returns undefined when the 304 speaks of another representation than the stored one; fetch it whole then
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.3.4
 */
export function freshen(stored: StoredHead, notModified: Omit<StoredHead, 'status'>): StoredHead | undefined {
  return isAboutStored(stored.headers, notModified.headers) ? updated(stored, notModified) : undefined;
}

/**
 * The stored head of a GET after the upstream answered a HEAD for the same variant: updated as by a 304 when both speak of one
 * representation; `outdated` when they do not, and the stored response counts as stale; `unrelated` when the answer
 * says nothing about it.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.3.5
 */
export function freshenByHead(
  stored: StoredHead,
  headResponse: StoredHead,
): StoredHead | 'outdated' | 'unrelated' {
  if (headResponse.status !== 200 || stored.status !== 200) return 'unrelated';
  return repeatsStored(stored.headers, headResponse.headers) ? updated(stored, headResponse) : 'outdated';
}

/** A 304 without validators answers the condition we sent; one with a validator must carry the stored one. */
function isAboutStored(stored: HeaderList, notModified: HeaderList): boolean {
  const etag = getHeader(notModified, 'etag');
  const storedEtag = getHeader(stored, 'etag');
  if (etag !== undefined && storedEtag !== undefined) return weaklyEqual(etag, storedEtag);
  // A strong tag that nothing stored has: https://www.rfc-editor.org/rfc/rfc9111#section-4.3.4-5
  if (isStrongEtag(etag)) return false;
  const lastModified = getHeader(notModified, 'last-modified');
  const storedLastModified = getHeader(stored, 'last-modified');
  return (
    lastModified === undefined || storedLastModified === undefined || lastModified === storedLastModified
  );
}

/** Nothing was asked of a HEAD, so each validator and length that it has must be the stored one. */
function repeatsStored(stored: HeaderList, head: HeaderList): boolean {
  const etag = getHeader(head, 'etag');
  if (etag !== undefined && !weaklyEqual(etag, getHeader(stored, 'etag') ?? '')) return false;
  return ['last-modified', 'content-length'].every((name) => {
    const value = getHeader(head, name);
    return value === undefined || value === getHeader(stored, name);
  });
}

function updated(stored: StoredHead, later: Omit<StoredHead, 'status'>): StoredHead {
  const updates = updatesOf(stored.headers, later.headers);
  // The old Age and Date belong to the old answer: even where the later head has none, they would age the new one.
  const replaced = new Set([...updates.map(([name]) => name.toLowerCase()), 'age', 'date']);
  return {
    status: stored.status,
    headers: [...withoutHeaders(stored.headers, replaced), ...updates],
    requestTimeMs: later.requestTimeMs,
    responseTimeMs: later.responseTimeMs,
  };
}

function updatesOf(stored: HeaderList, later: HeaderList): HeaderList {
  const updates = withoutHeaders(withoutHopByHop(later), OF_THE_BODY);
  // nginx weakens the tag of a gzipped 200 but not that of its 304; taking the 304's would claim too much.
  const strengthened = isStrongEtag(getHeader(later, 'etag')) && !isStrongEtag(getHeader(stored, 'etag'));
  return strengthened ? withoutHeaders(updates, new Set(['etag'])) : updates;
}
