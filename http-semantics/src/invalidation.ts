import { getHeaderLines } from './headers.ts';
import type { HeaderList } from './headers.ts';

/** Those that the method registry calls safe: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1 */
const SAFE_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'QUERY',
  'REPORT',
  'SEARCH',
]);

/** The path and query of a reference that has a path of its own, as they are written. */
const WRITTEN = /^(?:[a-z][a-z0-9+.-]*:\/\/[^/?#\\]*(?=\/)|(?=\/(?!\/)))([^#]*)/i;

/** What was asked for and what came of it. */
interface UnsafeAnswer {
  readonly status: number;
  readonly headers: HeaderList;
  /** Further origins at which the target is, by whatever the operator declares; none by default. */
  readonly origins?: readonly string[];
}

/**
 * The URLs whose stored responses an answer to an unsafe request outdates, the target first and exactly as given, the others
 * without fragment, in their normal form and as they are written where those differ; none for a safe method or an error. A method that we do not know may be unsafe.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.4
 *
 * @param targetUrl absolute
 */
export function invalidatedUrls(
  method: string,
  targetUrl: string,
  { status, headers, origins = [] }: UnsafeAnswer,
): string[] {
  if (SAFE_METHODS.has(method) || status < 200 || status > 399) return [];
  const urls = new Set([targetUrl]);
  const target = URL.parse(targetUrl);
  if (target === null) return [...urls];
  for (const name of ['location', 'content-location']) {
    for (const reference of getHeaderLines(headers, name)) {
      const url = URL.parse(reference, target.href);
      // Else one site could empty the cache of another: https://www.rfc-editor.org/rfc/rfc9111#section-4.4
      if (url === null || url.origin === 'null') continue;
      if (url.origin !== target.origin && !origins.includes(url.origin)) continue;
      url.hash = '';
      // No key holds them.
      url.username = '';
      url.password = '';
      urls.add(url.href);
      const [, written] = WRITTEN.exec(reference) ?? [];
      if (written !== undefined) urls.add(url.origin + written);
    }
  }
  return [...urls];
}
