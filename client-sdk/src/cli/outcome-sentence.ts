import type { Outcome, StoringRefusal } from '@pannier/http-semantics';

/** What an outcome means to a person, in a few words. */
const SENTENCES: Record<Outcome, string> = {
  hit: 'from the cache',
  'stale-hit': 'from the cache although stale, since the upstream could not be asked',
  'stale-while-revalidate': 'from the cache although stale, while the upstream is asked behind its back',
  'stale-if-error': 'from the cache although stale, since the upstream failed',
  'stale-allowed': 'from the cache although stale, since the request takes it so',
  revalidated: 'from the cache, after the upstream said that nothing had changed',
  refreshed: 'fetched anew, since what was stored had expired',
  miss: 'fetched, since nothing was stored',
  collapsed: 'joined a fetch that was under way',
  alone: 'fetched for this caller alone, since too many waited for the same fetch, or it took too long',
  'bypass-method': 'past the cache, since it is no GET',
  'bypass-override': 'past the cache, since a header asks for another method or path than the request line',
  'bypass-upgrade': 'past the cache, since it asks for another protocol',
  'bypass-body': 'past the cache, since it has a body',
  'bypass-expect': 'past the cache, since it has an Expect header',
  'bypass-credentials': 'past the cache, since it carries credentials',
  'bypass-range': 'past the cache, since it asks for a range',
  'bypass-precondition': 'past the cache, since only the upstream may judge its precondition',
  'bypass-no-store-request': 'past the cache, since it says no-store',
  'bypass-uncacheable': 'fetched and not stored, since the response forbids it',
  'undeclared-upstream': 'past the cache, since no upstream of this address is declared',
  'relay-too-large': 'fetched and not stored, since it is larger than an entry may be',
  'only-if-cached': 'not fetched, as the request wished',
  direct: 'past the cache, since no cache server answers',
  'upstream-limited':
    'the upstream was not asked: its cap or rate is reached, or it wants to be left in peace',
  'upstream-paused': 'the upstream was not asked: it keeps failing, or said that it is unavailable',
  'wait-limited':
    'the upstream was not asked: too many wait for the same fetch already, or it takes too long',
  'upstream-error': 'the upstream could not be reached or broke off',
  refused: 'the target is forbidden',
};

/** '' for an outcome of a newer server. */
export function outcomeSentence(outcome: string): string {
  return Object.hasOwn(SENTENCES, outcome) ? SENTENCES[outcome as Outcome] : '';
}

/** Why a response was not stored, in a few words. */
const REFUSALS: Record<StoringRefusal, string> = {
  method: 'it answers no GET',
  request: 'it speaks of this one request',
  credentials: 'the request carries credentials, and the response does not say that it may be shared',
  status: 'a response of this status never is',
  'not-understood': 'it says must-understand, and its status is not known here',
  partial: 'it is a part, and nothing proves of which whole',
  'no-store': 'it says no-store',
  private: 'it says private',
  'set-cookie': 'it sets a cookie',
  vary: 'it varies by credentials',
  'vary-any': 'it varies by anything (Vary: *)',
  'status-without-freshness': 'a response of this status is only when it says for how long',
  'nothing-to-reuse': 'it is stale at once, and nothing in it could be revalidated',
  'too-large': 'it is larger than an entry may be',
  'close-delimited': 'only the end of its connection says where it ends',
  'wait-limited': 'it was fetched for one caller alone, beside a fetch that is under way',
  'stale-kept': 'it is an error, and what is stored may go on answering instead',
};

/** The token itself where a newer server says one that is not known here. */
export function refusalSentence(refusal: string): string {
  return Object.hasOwn(REFUSALS, refusal) ? REFUSALS[refusal as StoringRefusal] : refusal;
}
