import { cacheControlOf } from './cache-control.ts';
import type { Freshness } from './freshness.ts';
import { getTokenList, hasHeader } from './headers.ts';
import type { HeaderList } from './headers.ts';

/** What a client asks of caches on the way; durations in seconds. */
export type RequestDirectives = {
  /** Ask the upstream even if the stored response is fresh. */
  readonly forceRevalidate: boolean;
  /** Answer 504 instead of asking the upstream: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.7 */
  readonly onlyIfCached: boolean;
  readonly maxAgeS: number | undefined;
  readonly minFreshS: number | undefined;
};

/** https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1 */
export function requestDirectives(headers: HeaderList): RequestDirectives {
  const { noCache, maxAgeS, minFreshS, onlyIfCached } = cacheControlOf(headers);
  // Pragma counts only where Cache-Control is silent: https://www.rfc-editor.org/rfc/rfc9111#section-5.4
  const pragma = !hasHeader(headers, 'cache-control') && getTokenList(headers, 'pragma').includes('no-cache');
  return { forceRevalidate: noCache || maxAgeS === 0 || pragma, onlyIfCached, maxAgeS, minFreshS };
}

/** Whether a stored response of that freshness answers a request with these directives without asking the upstream. */
export function isReusable({ fresh, ageS, lifetimeS }: Freshness, directives: RequestDirectives): boolean {
  const { forceRevalidate, maxAgeS = Infinity, minFreshS = 0 } = directives;
  return fresh && !forceRevalidate && ageS <= maxAgeS && lifetimeS - ageS >= minFreshS;
}
