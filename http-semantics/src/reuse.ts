import type { HeaderList } from './headers.ts';
import { requestDirectives } from './request-directives.ts';
import type { StoredState } from './stored-state.ts';

/**
 * What to do with a stored response:
 *
 * - `fresh`                   answer with it
 * - `stale-allowed`           answer with it although stale, for the client's `max-stale` says so
 * - `stale-while-revalidate`  answer with it although stale, and revalidate behind the answer
 * - `revalidate`              ask the upstream first
 */
export type Reuse = 'fresh' | 'stale-allowed' | 'stale-while-revalidate' | 'revalidate';

/**
 * Decides between what the response allows and what the request wishes.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4
 *
 * @param options.ignoreNoCache overrules the two ways in which a client asks past the cache, `no-cache` (or Pragma) and
 *   `max-age=0`; an operator may want that of a slow upstream
 */
export function reuse(
  state: StoredState,
  requestHeaders: HeaderList,
  options: { readonly ignoreNoCache: boolean },
): Reuse {
  const { forceRevalidate, maxAgeS, minFreshS, maxStaleS } = requestDirectives(requestHeaders);
  // https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.4
  if (forceRevalidate && !options.ignoreNoCache) return 'revalidate';
  const ageMaxS = maxAgeS === 0 && options.ignoreNoCache ? undefined : maxAgeS;
  // https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.1
  if (state.ageS > (ageMaxS ?? Infinity)) return 'revalidate';
  // https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.3
  if (minFreshS !== undefined && state.lifetimeS - state.ageS < minFreshS) return 'revalidate';
  if (state.fresh) return 'fresh';
  // https://www.rfc-editor.org/rfc/rfc9111#section-4.2.4
  if (state.mustRevalidate || minFreshS !== undefined) return 'revalidate';
  // https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.2
  if (maxStaleS !== undefined && state.staleForMs <= maxStaleS * 1000) return 'stale-allowed';
  // Who names a max-age wants nothing stale: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.1
  if (ageMaxS !== undefined) return 'revalidate';
  // https://www.rfc-editor.org/rfc/rfc5861#section-3
  return state.staleForMs < state.whileRevalidateMs ? 'stale-while-revalidate' : 'revalidate';
}

/**
 * Whether a stored response may answer a request whose revalidation failed: no connection, or a 500, 502, 503 or 504.
 * https://www.rfc-editor.org/rfc/rfc5861#section-4
 */
export function mayUseOnError(state: StoredState, requestHeaders: HeaderList): boolean {
  const { noCache, maxAgeS, minFreshS, staleIfErrorS = 0 } = requestDirectives(requestHeaders);
  // Such a client asked for the upstream's own word, and an error is that: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.4
  if (noCache || state.ageS > (maxAgeS ?? Infinity) || minFreshS !== undefined) return false;
  if (state.fresh) return true;
  // https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.2
  if (state.mustRevalidate) return false;
  return state.staleForMs < Math.max(state.ifErrorMs, staleIfErrorS * 1000);
}
