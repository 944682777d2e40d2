/** What a request is before anything is looked up: past the cache, or a key and where to fetch it. */
import { hasLooped, looksLikeCredential, requestBypass, sharedRequestHeaders } from '@pannier/http-semantics';
import type { Header, HeaderList } from '@pannier/http-semantics';
import type { EntryBypass, EntryRequest } from './entry-answer.ts';
import type { CredentialName } from './credential-name.ts';
import { originalKey } from './entry-key.ts';
import type { EntryKey } from './entry-key.ts';
import { CacheServerError } from '../errors.ts';
import type { UpstreamRegistry, UpstreamTarget } from '../upstream/upstream-registry.ts';

/** A request that may be answered from the cache. */
export interface LookupPlan {
  readonly kind: 'lookup';
  readonly key: EntryKey;
  readonly target: UpstreamTarget;
  /** Headers that go upstream with every fetch under this key, and are part of it; instead of credentials, their name. */
  readonly shared: HeaderList;
  /** All that goes upstream: beside those, where the upstream gets everything, the caller's own. */
  readonly sent: HeaderList;
  /** Whether the request carries credentials: its fetch is its own, even if what it brings may be shared. */
  readonly isPersonal: boolean;
  /** Whether what the request says against using a stored response is ignored. */
  readonly ignoreNoCache: boolean;
}

/** What the plan depends on besides the request. */
export interface PlanContext {
  readonly upstreams: Pick<UpstreamRegistry, 'resolve' | 'viaName'>;
  readonly plainUrls: ReadonlySet<string>;
  readonly credentialName: CredentialName;
}

/** How long a caller may remember that an origin is not declared, in milliseconds. */
const UNDECLARED_REMEMBERED_MS = 30_000;

/**
 * @throws CacheServerError `bad-request`, or `forbidden-target` for metadata services, Pannier itself, a loop through it, and
 *   addresses that are not allowed
 */
export function planRequest(
  { method, url, headers, isConfirming = false }: EntryRequest,
  { upstreams, plainUrls, credentialName }: PlanContext,
): LookupPlan | EntryBypass {
  if (hasLooped(headers, upstreams.viaName))
    throw new CacheServerError('forbidden-target', 'the request came back to this server: a loop', {
      proxyError: 'proxy_loop_detected',
    });
  const target = upstreams.resolve(url);
  if (target === undefined) return bypass('undeclared-upstream', UNDECLARED_REMEMBERED_MS);
  const { name, policy, forwardHeaders } = target.upstream;
  const credentials = policy.credentials !== 'never';
  const reason = requestBypass(method, headers, { head: true, range: true, credentials });
  if (reason !== undefined) return bypass(reason);
  const { keyed, sent } = sharedRequestHeaders(headers, forwardHeaders, policy);
  const plain = (list: HeaderList): HeaderList => (plainUrls.has(target.url) ? list.map(plainCoding) : list);
  const named = policy.credentials === 'keyed' ? credentialName(headers) : undefined;
  const shared: HeaderList = [
    ...plain(keyed),
    ...(named === undefined ? [] : [['credentials', named] as const]),
  ];
  const key = originalKey(name, target.url, shared);
  const isPersonal =
    policy.credentials === 'rfc' && headers.some(([header]) => looksLikeCredential(header.toLowerCase()));
  const ignoreNoCache = target.upstream.ignoreNoCache && !isConfirming;
  return { kind: 'lookup', key, target, shared, sent: plain(sent), isPersonal, ignoreNoCache };
}

/** Any client can read an answer without a coding: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3 */
function plainCoding([name, value]: Header): Header {
  return [name, name === 'accept-encoding' ? 'identity' : value];
}

/** The caller shall ask the upstream itself. */
export function bypass(outcome: EntryBypass['outcome'], rememberOriginMs = 0): EntryBypass {
  return { kind: 'bypass', outcome, rememberOriginMs };
}
