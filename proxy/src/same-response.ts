/** Which requests get the same response, before it is there and by what it says. */
import { sharedRequestHeaders, varyNames } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type { ProxiedRequest } from './proxied-request.ts';

/**
 * What all who share a fetch have in common. An upstream that gets everything may answer each by what the near cache's key does not
 * know; until its answer is there, nobody can tell.
 */
export function flightKey({ headers, route }: ProxiedRequest, nearKey: string): string {
  const { forwardHeaders, policy } = route;
  if (!forwardHeaders.includes('*')) return nearKey;
  return JSON.stringify([nearKey, sharedRequestHeaders(headers, forwardHeaders, policy).sent]);
}

/**
 * Whether everyone with the same near-cache key would have got the same response: https://www.rfc-editor.org/rfc/rfc9111#section-4.1
 *
 * @param keyedNames of the headers in that key, in lower case
 */
export function variesOnlyBy(response: HeaderList, keyedNames: readonly string[]): boolean {
  const names = varyNames(response);
  return names !== '*' && names.every((name) => name === 'accept-encoding' || keyedNames.includes(name));
}
