/** The head that a caller gets, made from what is stored or has just arrived. */
import {
  appendCacheStatus,
  appendVia,
  cacheStatusMember,
  cacheStatusOf,
  getHeader,
  notModifiedFor,
  SERVER_CACHE_NAME,
  withoutHeaders,
} from '@pannier/http-semantics';
import type { CacheStatusParams, HeaderList, Outcome } from '@pannier/http-semantics';
import { entryFreshness } from './entry-freshness.ts';
import type { JudgedHead } from './entry-freshness.ts';

/** What the head says besides what the upstream said. */
export interface AnswerFacts {
  readonly now: number;
  readonly outcome: Outcome;
  /** Length of the body in bytes, where it is known. */
  readonly bodyBytes: number | undefined;
  /** Members of Cache-Status beyond those of the outcome. */
  readonly status?: CacheStatusParams;
}

/** A head, ready for the caller. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: HeaderList;
}

/** Ours to write anew; the upstream's framing ended with its connection. */
const REPLACED: ReadonlySet<string> = new Set(['age', 'cache-status', 'content-length']);

/** The response as it is. https://www.rfc-editor.org/rfc/rfc9111#section-4 */
export function answerHead(head: JudgedHead, facts: AnswerFacts): AnswerHead {
  const hasBody = head.status !== 204 && head.status !== 304;
  const length: HeaderList =
    facts.bodyBytes === undefined || !hasBody ? [] : [['content-length', String(facts.bodyBytes)]];
  return { status: head.status, headers: [...ownHeaders(head.headers, head, facts), ...length] };
}

/** A 304 for a caller whose own conditions show that it has this response; undefined when it has not. */
export function notModifiedHead(
  head: JudgedHead,
  request: { readonly method: string; readonly headers: HeaderList },
  facts: AnswerFacts,
): AnswerHead | undefined {
  const repeated = notModifiedFor(request, head, facts.now);
  return repeated && { status: 304, headers: ownHeaders(repeated, head, facts) };
}

/** An answer that is ours alone. */
export function ownAnswerHead(status: number, outcome: Outcome): AnswerHead {
  return {
    status,
    headers: [
      ['content-length', '0'],
      ['cache-status', cacheStatusMember(SERVER_CACHE_NAME, cacheStatusOf(outcome))],
    ],
  };
}

function ownHeaders(base: HeaderList, head: JudgedHead, facts: AnswerFacts): HeaderList {
  const { ageS, lifetimeS } = entryFreshness(head, facts.now);
  const member = cacheStatusMember(SERVER_CACHE_NAME, {
    ...cacheStatusOf(facts.outcome),
    ttlS: lifetimeS - ageS,
    ...facts.status,
  });
  return [
    ...appendVia(withoutHeaders(base, REPLACED), SERVER_CACHE_NAME),
    ['age', String(ageS)],
    ['cache-status', appendCacheStatus(getHeader(head.headers, 'cache-status'), member)],
  ];
}
