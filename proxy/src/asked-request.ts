/** What a client's request asks for, whichever way it came in: absolute form, inside a CONNECT, or on a route of the proxy. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { hasLooped, withoutHeaders, withoutHopByHop } from '@pannier/http-semantics';
import type { Egress } from './egress.ts';
import { ProxyError } from './errors.ts';
import { checkedAuthority, readAbsoluteForm } from './interception/forward.ts';
import type { WrittenTarget } from './interception/forward.ts';
import type { ReverseRoutes } from './interception/reverse-route.ts';
import type { ProxiedRequest } from './proxied-request.ts';
import { headerPairs } from './response-head.ts';
import type { UpstreamRoutes } from './upstream-route.ts';

/** What reading a request needs. */
export interface AskedParts {
  readonly egress: Egress;
  readonly pseudonym: string;
  readonly upstreamRoutes: UpstreamRoutes;
  readonly reverseRoutes: ReverseRoutes;
  /** Authority of the CONNECT that a connection came through. */
  readonly authorities: WeakMap<Duplex, string>;
}

const HOST: ReadonlySet<string> = new Set(['host']);

function writtenTarget(request: IncomingMessage, parts: AskedParts): WrittenTarget {
  const target = request.url ?? '';
  const authority = parts.authorities.get(request.socket);
  if (authority !== undefined && target.startsWith('/'))
    return { scheme: 'http', authority: checkedAuthority(authority), path: target };
  if (target.startsWith('/')) return parts.reverseRoutes(target);
  return readAbsoluteForm(target);
}

/**
 * Reads a request's target and head.
 *
 * @throws ProxyError `bad-request`, `unsupported-scheme`, `no-route`, `loop`, `forbidden-target`
 */
export function readAsked(request: IncomingMessage, parts: AskedParts): ProxiedRequest {
  const all = headerPairs(request.rawHeaders);
  const written = writtenTarget(request, parts);
  if (hasLooped(all, parts.pseudonym))
    throw new ProxyError('loop', 'the request has been through this proxy before');
  const route = parts.upstreamRoutes(written);
  parts.egress.check(route.hostname, route.port);
  return {
    method: request.method ?? 'GET',
    url: `${written.scheme}://${written.authority}${written.path}`,
    headers: [['Host', route.authority], ...withoutHeaders(withoutHopByHop(all), HOST)],
    httpVersion: request.httpVersion,
    route,
  };
}
