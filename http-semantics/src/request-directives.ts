import { cacheControlOf } from './cache-control.ts';
import { directivesOf, hasBareDirective, leastSeconds } from './directive-list.ts';
import { getTokenList, hasHeader } from './headers.ts';
import type { HeaderList } from './headers.ts';

/** What a client asks of caches on the way; durations in seconds. */
export type RequestDirectives = {
  /** Ask the upstream even if the stored response is fresh. */
  readonly forceRevalidate: boolean;
  /** Of `forceRevalidate`, that it was asked with `no-cache` or Pragma: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.4 */
  readonly noCache: boolean;
  /** Answer 504 instead of asking the upstream: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.7 */
  readonly onlyIfCached: boolean;
  readonly maxAgeS: number | undefined;
  readonly minFreshS: number | undefined;
  /** How long after expiry a response is still welcome; Infinity for any: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.2 */
  readonly maxStaleS: number | undefined;
  /** The same where the upstream fails: https://www.rfc-editor.org/rfc/rfc5861#section-4 */
  readonly staleIfErrorS: number | undefined;
};

/** https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1 */
export function requestDirectives(headers: HeaderList): RequestDirectives {
  const { noCache, maxAgeS, minFreshS, onlyIfCached } = cacheControlOf(headers);
  // Pragma counts only where Cache-Control is silent: https://www.rfc-editor.org/rfc/rfc9111#section-5.4
  const pragma = !hasHeader(headers, 'cache-control') && getTokenList(headers, 'pragma').includes('no-cache');
  return {
    forceRevalidate: noCache || maxAgeS === 0 || pragma,
    noCache: noCache || pragma,
    onlyIfCached,
    maxAgeS,
    minFreshS,
    ...allowances(headers),
  };
}

/** Permissions: of several the strictest counts, and garbage permits nothing. */
function allowances(headers: HeaderList): Pick<RequestDirectives, 'maxStaleS' | 'staleIfErrorS'> {
  const directives = directivesOf(headers, 'cache-control');
  const valued = directives.filter(({ argument }) => argument !== undefined);
  const any = hasBareDirective(directives, 'max-stale') ? Infinity : undefined;
  return {
    maxStaleS: leastSeconds(valued, 'max-stale') ?? any,
    staleIfErrorS: leastSeconds(valued, 'stale-if-error'),
  };
}
