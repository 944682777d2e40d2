/** What a request is before anything is looked up: past the cache, or a key and where to fetch it. */
import { hasLooped, requestBypass, sharedRequestHeaders } from '@pannier/http-semantics';
import type { Header, HeaderList } from '@pannier/http-semantics';
import type { EntryBypass, EntryRequest } from './entry-answer.ts';
import type { EntryContext } from './entry-context.ts';
import { originalKey } from './entry-key.ts';
import type { EntryKey } from './entry-key.ts';
import { CacheServerError } from './errors.ts';
import type { UpstreamTarget } from './upstream/upstream-registry.ts';

/** A request that may be answered from the cache. */
export interface LookupPlan {
  readonly kind: 'lookup';
  readonly key: EntryKey;
  readonly target: UpstreamTarget;
  /** The headers that go upstream, which are also those that tell entries apart. */
  readonly shared: HeaderList;
}

/** What the plan depends on besides the request. */
export interface PlanContext {
  readonly upstreams: Pick<EntryContext['upstreams'], 'resolve' | 'viaName'>;
  readonly plainUrls: EntryContext['plainUrls'];
  readonly uncacheable: { has(keyText: string): boolean };
}

/** How long a caller may remember that an origin is not declared, in milliseconds. */
const UNDECLARED_REMEMBERED_MS = 30_000;

/**
 * @throws CacheServerError `bad-request`, or `forbidden-target` for metadata services, Pannier itself, a loop through it, and
 *   addresses that are not allowed
 */
export function planRequest(
  { method, url, headers }: EntryRequest,
  { upstreams, plainUrls, uncacheable }: PlanContext,
): LookupPlan | EntryBypass {
  if (hasLooped(headers, upstreams.viaName))
    throw new CacheServerError('forbidden-target', 'the request came back to this server: a loop', {
      proxyError: 'proxy_loop_detected',
    });
  const target = upstreams.resolve(url);
  if (target === undefined) return bypass('undeclared-upstream', UNDECLARED_REMEMBERED_MS);
  const reason = requestBypass(method, headers);
  if (reason !== undefined) return bypass(reason);
  const asked = sharedRequestHeaders(headers, target.upstream.forwardHeaders);
  const shared = plainUrls.has(target.url) ? asked.map(plainCoding) : asked;
  const key = originalKey(target.upstream.name, target.url, shared);
  if (uncacheable.has(key.text)) return bypass('bypass-uncacheable');
  return { kind: 'lookup', key, target, shared };
}

/** Any client can read an answer without a coding: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3 */
function plainCoding([name, value]: Header): Header {
  return [name, name === 'accept-encoding' ? 'identity' : value];
}

/** The caller shall ask the upstream itself. */
export function bypass(outcome: EntryBypass['outcome'], rememberOriginMs = 0): EntryBypass {
  return { kind: 'bypass', outcome, rememberOriginMs };
}
