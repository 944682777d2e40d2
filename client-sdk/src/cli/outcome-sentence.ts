import type { Outcome } from '@pannier/http-semantics';

/** What an outcome means to a person, in a few words. */
const SENTENCES: Record<Outcome, string> = {
  hit: 'from the cache',
  'stale-hit': 'from the cache although stale, since the upstream could not be asked',
  revalidated: 'from the cache, after the upstream said that nothing had changed',
  refreshed: 'fetched anew: what was stored had expired',
  miss: 'fetched: nothing was stored',
  collapsed: 'joined a fetch that was under way',
  'bypass-method': 'past the cache: not a GET',
  'bypass-upgrade': 'past the cache: it asks for another protocol',
  'bypass-body': 'past the cache: it has a body',
  'bypass-expect': 'past the cache: it has an Expect header',
  'bypass-credentials': 'past the cache: it carries credentials',
  'bypass-range': 'past the cache: it asks for a range',
  'bypass-precondition': 'past the cache: only the upstream may judge its precondition',
  'bypass-no-store-request': 'past the cache: it says no-store',
  'bypass-uncacheable': 'fetched and not stored: the response forbids it',
  'undeclared-upstream': 'past the cache: no upstream of this address is declared',
  'relay-too-large': 'fetched and not stored: larger than an entry may be',
  'only-if-cached': 'not fetched, as the request wished',
  direct: 'past the cache: no cache server answers',
  'upstream-error': 'the upstream could not be reached or broke off',
  refused: 'refused: the target is forbidden',
};

/** '' for an outcome of a newer server. */
export function outcomeSentence(outcome: string): string {
  return Object.hasOwn(SENTENCES, outcome) ? SENTENCES[outcome as Outcome] : '';
}
