import { correctedInitialAgeMs, currentAgeMs, isAgeDoubtful } from './age.ts';
import { DELTA_SECONDS_MAX } from './directive-list.ts';
import { lifetimeOf } from './lifetime.ts';
import type { LifetimeSource } from './lifetime.ts';
import type { CachePolicy } from './policy.ts';
import { responseDirectives } from './response-directives.ts';
import type { StoredHead } from './stored-head.ts';

/** How a stored response stands at one moment. Whole seconds go into `Age` and Cache-Status; what decides is in milliseconds. */
export type StoredState = {
  readonly ageS: number;
  readonly lifetimeS: number;
  /** May be reused without asking the upstream; false for `no-cache`. */
  readonly fresh: boolean;
  /** Once stale, never used without the upstream's word: https://www.rfc-editor.org/rfc/rfc9111#section-4.2.4 */
  readonly mustRevalidate: boolean;
  /** How long ago it expired; 0 while fresh. */
  readonly staleForMs: number;
  /** How long after expiry it may be used while it is being revalidated: https://www.rfc-editor.org/rfc/rfc5861#section-3 */
  readonly whileRevalidateMs: number;
  /** How long after expiry it may stand in for an error: https://www.rfc-editor.org/rfc/rfc5861#section-4 */
  readonly ifErrorMs: number;
};

/** The lifetimes that an operator gave count from arrival: how old the upstream says the response is does not matter to them. */
const COUNTED_FROM_ARRIVAL: ReadonlySet<LifetimeSource> = new Set(['forced', 'negative', 'default']);

/**
 * Age, freshness and the ways in which a stale response may still be used.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.2
 *
 * @param now milliseconds
 */
export function stateOf(stored: StoredHead, policy: CachePolicy, now: number): StoredState {
  const directives = responseDirectives(stored.headers);
  const { lifetimeS, source } = lifetimeOf(stored, policy);
  const fromArrival = COUNTED_FROM_ARRIVAL.has(source);
  const ageMs = currentAgeMs(stored, now);
  const lifetimeMs = lifetimeS * 1000 + (fromArrival ? correctedInitialAgeMs(stored) : 0);
  const ageUnknown = !fromArrival && policy.doubtfulAge === 'stale' && isAgeDoubtful(stored.headers);
  const fresh = lifetimeMs > ageMs && !directives.noCache && !ageUnknown;
  // s-maxage says what proxy-revalidate says: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.10
  const mustRevalidate =
    directives.noCache ||
    directives.mustRevalidate ||
    directives.proxyRevalidate ||
    directives.sMaxAgeS !== undefined;
  const windowMs = (seconds: number): number => (mustRevalidate ? 0 : seconds * 1000);
  return {
    ageS: Math.floor(ageMs / 1000),
    lifetimeS: Math.floor(lifetimeMs / 1000),
    fresh,
    mustRevalidate,
    // Expired nobody knows when means beyond every bound.
    staleForMs: fresh ? 0 : Math.max(ageUnknown ? DELTA_SECONDS_MAX * 1000 : 0, ageMs - lifetimeMs),
    whileRevalidateMs: windowMs(directives.staleWhileRevalidateS ?? 0),
    ifErrorMs: windowMs(directives.staleIfErrorS ?? policy.staleIfErrorS),
  };
}
