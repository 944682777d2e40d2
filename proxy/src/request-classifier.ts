/** Whether a request may be answered from the cache at all, and what tells its entry apart. Pure; the only place that decides it. */
import {
  hasHeader,
  looksLikeCredential,
  requestBypass,
  requestDirectives,
  sharedRequestHeaders,
} from '@pannier/http-semantics';
import type { Outcome, RequestDirectives } from '@pannier/http-semantics';
import type { ProxiedRequest } from './proxied-request.ts';

/** What is to be done with a request. */
export type RequestClass =
  | { readonly kind: 'passthrough'; readonly outcome: Outcome }
  | {
      readonly kind: 'cacheable';
      /** Key in the near cache: the URL and the headers that a shared fetch would carry. */
      readonly nearKey: string;
      /** Names of the headers in that key. */
      readonly keyedNames: readonly string[];
      /** False when the request asks for a part or a head, or sets bounds of its own, which only the server judges. */
      readonly mayUseNear: boolean;
      readonly directives: RequestDirectives;
    };

/** Classifies a request whose target is known. */
export function classify({ method, url, headers, route }: ProxiedRequest): RequestClass {
  const { forwardHeaders, policy, ignoreNoCache } = route;
  const credentials = policy.credentials !== 'never';
  const outcome = requestBypass(method, headers, { head: true, range: true, credentials });
  if (outcome !== undefined) return { kind: 'passthrough', outcome };
  const directives = requestDirectives(headers);
  const { forceRevalidate, maxAgeS, minFreshS } = directives;
  const { keyed } = sharedRequestHeaders(headers, forwardHeaders, policy);
  const isBounded = forceRevalidate || maxAgeS !== undefined || minFreshS !== undefined;
  const isPlain = method === 'GET' && !hasHeader(headers, 'range');
  // Whoever shows other credentials is somebody else, here as in the server.
  const own =
    policy.credentials === 'keyed' ? headers.filter(([name]) => looksLikeCredential(name.toLowerCase())) : [];
  const told = [...keyed, ...own];
  return {
    kind: 'cacheable',
    nearKey: [url, ...told.map(([name, value]) => `${name.toLowerCase()}: ${value}`)].join('\n'),
    keyedNames: told.map(([name]) => name.toLowerCase()),
    mayUseNear: isPlain && (ignoreNoCache || !isBounded),
    directives,
  };
}
