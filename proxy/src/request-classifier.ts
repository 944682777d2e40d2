/** Whether a request may be answered from the cache at all, and what tells its entry apart. Pure; the only place that decides it. */
import { requestBypass, requestDirectives, sharedRequestHeaders } from '@pannier/http-semantics';
import type { Outcome, RequestDirectives } from '@pannier/http-semantics';
import type { ProxiedRequest } from './proxied-request.ts';

/** What is to be done with a request. */
export type RequestClass =
  | { readonly kind: 'passthrough'; readonly outcome: Outcome }
  | {
      readonly kind: 'cacheable';
      /** Key in the near cache: the URL and the headers that a shared fetch would carry. */
      readonly nearKey: string;
      /** False when the request sets bounds of its own, which only the server judges. */
      readonly mayUseNear: boolean;
      readonly directives: RequestDirectives;
    };

/** Classifies a request whose target is known. */
export function classify({ method, url, headers, route }: ProxiedRequest): RequestClass {
  const outcome = requestBypass(method, headers);
  if (outcome !== undefined) return { kind: 'passthrough', outcome };
  const directives = requestDirectives(headers);
  const { forceRevalidate, maxAgeS, minFreshS } = directives;
  const selected = sharedRequestHeaders(headers, route.forwardHeaders).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return {
    kind: 'cacheable',
    nearKey: [url, ...selected].join('\n'),
    mayUseNear: !forceRevalidate && maxAgeS === undefined && minFreshS === undefined,
    directives,
  };
}
