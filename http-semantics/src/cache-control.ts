import { directivesOf, hasBareDirective, hasDirective, leastSeconds, secondsOf } from './directive-list.ts';
import type { HeaderList } from './headers.ts';

/** The directives of a request or response that we act on; absent durations are undefined, durations in seconds. */
export type CacheControl = {
  readonly noStore: boolean;
  /** Also for the qualified form: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.4-5 */
  readonly noCache: boolean;
  /** Also for the qualified form: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.7-6 */
  readonly private: boolean;
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly noTransform: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeS: number | undefined;
  readonly sMaxAgeS: number | undefined;
  /** Request only. */
  readonly minFreshS: number | undefined;
};

/**
 * Reads the Cache-Control lines of a head together. Whatever is doubtful falls to the safe side: of duplicate durations
 * the strictest counts, a bad one is 0 seconds, a restriction inside garbage still restricts, a permission with an
 * argument permits nothing.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1-6
 */
export function cacheControlOf(headers: HeaderList): CacheControl {
  const directives = directivesOf(headers, 'cache-control');
  const has = (name: string): boolean => hasDirective(directives, name);
  const minFresh = secondsOf(directives, 'min-fresh');
  return {
    noStore: has('no-store'),
    noCache: has('no-cache'),
    private: has('private'),
    public: hasBareDirective(directives, 'public'),
    mustRevalidate: has('must-revalidate'),
    proxyRevalidate: has('proxy-revalidate'),
    noTransform: has('no-transform'),
    onlyIfCached: has('only-if-cached'),
    maxAgeS: leastSeconds(directives, 'max-age'),
    sMaxAgeS: leastSeconds(directives, 's-maxage'),
    minFreshS: minFresh.length === 0 ? undefined : Math.max(...minFresh),
  };
}
