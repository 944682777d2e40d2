/** A request in the order of the wire; the only place that decides where it goes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PannierError } from '@pannier/client/transport';
import { cacheStatusOf, OUTCOMES, requestDirectives } from '@pannier/http-semantics';
import type { CacheStatusParams, Outcome } from '@pannier/http-semantics';
import type { AskedParts } from './asked-request.ts';
import { readAsked } from './asked-request.ts';
import { OWN_PATH } from './dataset-door.ts';
import type { DatasetDoor } from './dataset-door.ts';
import type { BypassMemory } from './bypass-memory.ts';
import { mayServeStale, sendLookup, sendNear } from './cached-response.ts';
import type { NearPlace, SendParts } from './cached-response.ts';
import { begunAnswer } from './begun-answer.ts';
import { asTold, endWithFailure, openExchange } from './client-exchange.ts';
import type { ClientExchange, ToldFailure } from './client-exchange.ts';
import { ProxyError } from './errors.ts';
import type { DirectAnswer, DirectFlights } from './direct-flights.ts';
import type { GiveBack } from './fallback-slots.ts';
import type { LookupFlights, SharedLookup } from './lookup-flights.ts';
import type { Passthrough } from './passthrough.ts';
import type { ProxiedRequest } from './proxied-request.ts';
import { classify } from './request-classifier.ts';
import type { RequestClass } from './request-classifier.ts';

/** What handling needs. */
export interface HandlerParts extends AskedParts, SendParts {
  readonly passthrough: Passthrough;
  readonly lookupFlights: LookupFlights;
  readonly directFlights: DirectFlights;
  readonly datasetDoor: DatasetDoor;
  readonly bypassed: BypassMemory;
  /** Counts a request by what became of it, and times the head of its response; `near-hit` and `dataset` beside the named outcomes. */
  readonly onOutcome: (outcome: string, response: ServerResponse | undefined) => void;
  /** A failure that no client was told of, or a defect. */
  readonly onFailure: (error: unknown) => void;
}

/** How long after its time an answer may still be used while nobody can be asked, in milliseconds. */
const STALE_MS_MAX = 60_000;

type Cacheable = Extract<RequestClass, { kind: 'cacheable' }> & NearPlace;

/** Codes that say something of the upstream or of the request; every other failure is the cache's own, and the app must not feel it. */
const TOLD: ReadonlySet<string> = new Set([
  'bad-request',
  'forbidden-target',
  'upstream-unreachable',
  'upstream-timeout',
  'upstream-truncated',
  'upstream-protocol',
  // The operator chose the cap: asking the upstream past it is what it is there to prevent.
  'upstream-limited',
  'upstream-paused',
  // So is that of the waiters: a server that refuses one more is there.
  'wait-limited',
]);

async function answer(exchange: ClientExchange, parts: HandlerParts): Promise<void> {
  const { request, response } = exchange;
  // In origin form and outside of any CONNECT: for the proxy itself, and for no upstream.
  if (request.url?.startsWith(OWN_PATH) === true && !parts.authorities.has(request.socket)) {
    parts.onOutcome('dataset', response);
    return await parts.datasetDoor(exchange);
  }
  const asked = readAsked(exchange.request, parts);
  const pass = async (outcome: Outcome): Promise<void> => {
    if (outcome !== 'undeclared-upstream' && forbidsAsking(asked)) return answerOnlyIfCached(exchange, parts);
    parts.onOutcome(outcome, response);
    await parts.passthrough.web(exchange, asked, cacheStatusOf(outcome));
  };

  const classified = classify(asked);
  if (classified.kind === 'passthrough') return await pass(classified.outcome);

  // Before anybody is asked: what a later write outdates shall be known by it.
  const found = { ...classified, removals: parts.near.removals };
  const entry = found.mayUseNear ? parts.near.get(found.nearKey) : undefined;
  if (entry !== undefined) {
    parts.onOutcome('near-hit', response);
    sendNear(exchange, asked, { entry, now: parts.now(), pseudonym: parts.pseudonym });
    return;
  }
  const { askedOrigin } = asked.route;
  const remembered = parts.bypassed.recall(askedOrigin);
  if (remembered !== undefined) return await pass(outcomeOf(remembered));

  const shared = await lookUp(asked, exchange, { found, parts });
  if (shared === 'unavailable') return await fallBack(exchange, asked, { found, pass, parts });
  const { answer: lookup, collapsed } = shared;
  if (lookup.kind === 'bypass') {
    parts.bypassed.remember(askedOrigin, lookup.reason, lookup.rememberOriginMs);
    return await pass(outcomeOf(lookup.reason));
  }
  parts.onOutcome(lookup.outcome, response);
  const params = { ...missParams(found, parts), ...(collapsed ? { collapsed } : {}) };
  await sendLookup(exchange, asked, { answer: lookup, near: found, params, parts });
}

/** Why the near cache did not answer: https://www.rfc-editor.org/rfc/rfc9211#section-2.2 */
function missParams({ mayUseNear, nearKey }: Cacheable, { near }: HandlerParts): CacheStatusParams {
  if (!mayUseNear) return { fwd: 'request' };
  return near.getStale(nearKey, STALE_MS_MAX) === undefined ? { fwd: 'uri-miss' } : { fwd: 'stale' };
}

/** Whether a client wants nothing but what is stored: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.7 */
function forbidsAsking({ method, headers }: ProxiedRequest): boolean {
  return (method === 'GET' || method === 'HEAD') && requestDirectives(headers).onlyIfCached;
}

function answerOnlyIfCached(exchange: ClientExchange, { onOutcome }: HandlerParts): void {
  const outcome = 'only-if-cached';
  onOutcome(outcome, exchange.response);
  const failure = new ProxyError(outcome, 'nothing stored may answer, and the request forbids asking');
  endWithFailure(exchange, failure, cacheStatusOf(outcome));
}

/** No cache server answers: a stale answer where that is configured or nothing better is to be had, else the upstream itself. */
async function fallBack(
  exchange: ClientExchange,
  asked: ProxiedRequest,
  fallback: { found: Cacheable; pass: (outcome: Outcome) => Promise<void>; parts: HandlerParts },
): Promise<void> {
  const { found, pass, parts } = fallback;
  const { nearKey } = found;
  const sendStale = (): boolean => {
    const entry = parts.near.getStale(nearKey, STALE_MS_MAX);
    if (entry === undefined || !found.mayUseNear || !mayServeStale(entry.headers)) return false;
    parts.onOutcome('stale-hit', exchange.response);
    sendNear(exchange, asked, { entry, now: parts.now(), pseudonym: parts.pseudonym, detail: 'stale' });
    return true;
  };
  if (asked.route.fallback === 'stale-only') {
    if (sendStale()) return;
    throw new ProxyError('server-unavailable', 'no cache server answers, and the fallback is stale-only');
  }
  if (forbidsAsking(asked)) {
    if (!sendStale()) answerOnlyIfCached(exchange, parts);
    return;
  }
  let direct: DirectAnswer | GiveBack;
  try {
    const shared = await parts.directFlights.answer(asked, { nearKey, near: parts.near }, exchange.left);
    direct = shared === 'alone' ? await parts.slots.take(asked.route, exchange.left) : shared;
  } catch (error) {
    if (!exchange.left.aborted && sendStale()) return;
    throw error;
  }
  if (typeof direct === 'function') return await pass('direct').finally(direct);
  parts.onOutcome('direct', exchange.response);
  const { response: answer, collapsed } = direct;
  const params = { ...cacheStatusOf('direct'), ...(collapsed ? { collapsed } : {}) };
  await sendLookup(exchange, asked, { answer, near: found, params, parts });
}

async function lookUp(
  asked: ProxiedRequest,
  { left }: ClientExchange,
  { found, parts }: { found: Cacheable; parts: HandlerParts },
): Promise<SharedLookup | 'unavailable'> {
  try {
    return await begunAnswer(async () => await parts.lookupFlights.answer(asked, found, left), left);
  } catch (error) {
    if (left.aborted || !(error instanceof PannierError) || TOLD.has(error.code)) throw error;
    parts.onFailure(error);
    return 'unavailable';
  }
}

/** A server newer than this proxy may name an outcome that is not known here. */
function outcomeOf(reason: string): Outcome {
  return OUTCOMES.find((outcome) => outcome === reason) ?? 'bypass-uncacheable';
}

function failureOutcome(failure: ToldFailure): Outcome {
  const isNamed = failure instanceof PannierError || failure instanceof ProxyError;
  const code = isNamed ? failure.code : undefined;
  const isNotAsked = code === 'upstream-limited' || code === 'upstream-paused' || code === 'wait-limited';
  return isNotAsked ? code : 'upstream-error';
}

/** The listener of the HTTP server. */
export function createRequestHandler(
  parts: HandlerParts,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const exchange = openExchange(request, response);
    answer(exchange, parts).catch((error: unknown) => {
      if (exchange.left.aborted) return;
      const failure = asTold(error);
      if (failure !== error) parts.onFailure(error);
      const refused = failure instanceof ProxyError && failure.httpStatus < 500;
      const outcome = refused ? 'refused' : failureOutcome(failure);
      parts.onOutcome(outcome, response);
      endWithFailure(exchange, failure, cacheStatusOf(outcome));
    });
  };
}
