import type { CacheStatusParams } from './cache-status.ts';

/**
 * Everything that can become of a request: one name in the log line, the metric's label and Cache-Status. Closed, so that a
 * dashboard can list them.
 *
 * - `hit`                       answered from a fresh stored response
 * - `stale-hit`                 answered from a stale one because the upstream or the server could not be asked
 * - `stale-while-revalidate`  answered from a stale one that is revalidated behind the answer: https://www.rfc-editor.org/rfc/rfc5861#section-3
 * - `stale-if-error`          answered from a stale one since the upstream failed: https://www.rfc-editor.org/rfc/rfc5861#section-4
 * - `stale-allowed`           answered from a stale one since the request's `max-stale` allows it: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.2
 * - `revalidated`               the upstream answered 304, the stored body was used
 * - `refreshed`                 a stored response had expired and the upstream sent a new one
 * - `miss`                      nothing stored, fetched
 * - `collapsed`                 joined the fetch of another caller
 * - `alone`                     fetched for this caller alone beside another fetch of the same: too many waited for that one, or it took too long
 * - `bypass-…`                  the request may not use the shared cache; see `requestBypass`
 * - `bypass-uncacheable`        the response may not be stored; see `mayStore`
 * - `undeclared-upstream`       no configured upstream, passed straight through
 * - `relay-too-large`           larger than an entry may be: relayed, not stored
 * - `only-if-cached`            the client forbade asking the upstream; 504
 * - `direct`                    the cache server was out of reach, so the proxy asked the upstream itself
 * - `upstream-error`            the upstream could not be reached or broke off
 * - `upstream-limited`          the upstream was not asked: its cap or rate is reached, or it wants to be left in peace; 429
 * - `upstream-paused`           the upstream was not asked: it keeps failing, or said that it is unavailable; 503
 * - `wait-limited`              not fetched: too many wait for the same fetch already, or it takes too long; 503
 * - `refused`                   the target is forbidden, e.g. a metadata address or Pannier itself
 */
export type Outcome = keyof typeof CACHE_STATUS;

const CACHE_STATUS = {
  hit: { hit: true },
  'stale-hit': { hit: true, detail: 'stale' },
  'stale-while-revalidate': { hit: true, detail: 'stale-while-revalidate' },
  // It was forwarded, and failed: https://www.rfc-editor.org/rfc/rfc9211#section-2.2
  'stale-if-error': { fwd: 'stale', detail: 'stale-if-error' },
  'stale-allowed': { hit: true, detail: 'max-stale' },
  revalidated: { fwd: 'stale', fwdStatus: 304 },
  refreshed: { fwd: 'stale' },
  miss: { fwd: 'uri-miss' },
  collapsed: { fwd: 'uri-miss', collapsed: true },
  alone: { fwd: 'uri-miss', stored: false, detail: 'wait-limited' },
  'bypass-method': { fwd: 'method' },
  'bypass-override': { fwd: 'bypass', detail: 'override' },
  'bypass-upgrade': { fwd: 'bypass', detail: 'upgrade' },
  'bypass-body': { fwd: 'bypass', detail: 'body' },
  'bypass-expect': { fwd: 'bypass', detail: 'expect' },
  'bypass-credentials': { fwd: 'bypass', detail: 'credentials' },
  'bypass-range': { fwd: 'bypass', detail: 'range' },
  'bypass-precondition': { fwd: 'bypass', detail: 'precondition' },
  'bypass-no-store-request': { fwd: 'request', detail: 'no-store' },
  'bypass-uncacheable': { fwd: 'uri-miss', stored: false, detail: 'uncacheable' },
  'undeclared-upstream': { fwd: 'bypass', detail: 'undeclared-upstream' },
  'relay-too-large': { fwd: 'uri-miss', stored: false, detail: 'too-large' },
  'only-if-cached': { detail: 'only-if-cached' },
  direct: { fwd: 'bypass', detail: 'server-unavailable' },
  'upstream-error': { fwd: 'uri-miss', detail: 'upstream-error' },
  'upstream-limited': { detail: 'upstream-limited' },
  'upstream-paused': { detail: 'upstream-paused' },
  'wait-limited': { detail: 'wait-limited' },
  refused: { detail: 'refused' },
} as const satisfies Record<string, CacheStatusParams>;

/** What the cache server calls itself in Via and Cache-Status: who reads why a response was not stored looks for this name. */
export const SERVER_CACHE_NAME = 'pannier-server';

/** Every outcome, for a metric that starts each label at zero. */
export const OUTCOMES = Object.keys(CACHE_STATUS) as readonly Outcome[];

/** What Cache-Status says of an outcome; status, ttl and key are the caller's to add. */
export function cacheStatusOf(outcome: Outcome): CacheStatusParams {
  return CACHE_STATUS[outcome];
}
