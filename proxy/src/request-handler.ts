/** A request in the order of the wire; the only place that decides where it goes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PannierError } from '@pannier/client/transport';
import type { LookupAnswer, Transport } from '@pannier/client/transport';
import { cacheStatusOf, OUTCOMES } from '@pannier/http-semantics';
import type { Outcome } from '@pannier/http-semantics';
import type { AskedParts } from './asked-request.ts';
import { readAsked } from './asked-request.ts';
import type { BypassMemory } from './bypass-memory.ts';
import { sendLookup, sendNear } from './cached-response.ts';
import type { SendParts } from './cached-response.ts';
import { asTold, endWithFailure, openExchange } from './client-exchange.ts';
import type { ClientExchange } from './client-exchange.ts';
import { ProxyError } from './errors.ts';
import type { Passthrough } from './passthrough.ts';
import type { ProxiedRequest } from './proxied-request.ts';
import { classify } from './request-classifier.ts';

/** What handling needs. */
export interface HandlerParts extends AskedParts, SendParts {
  readonly transport: Transport;
  readonly passthrough: Passthrough;
  readonly bypassed: BypassMemory;
  /** Counts a request by what became of it; `near-hit` beside the named outcomes. */
  readonly onOutcome: (outcome: string) => void;
  /** A failure that no client was told of, or a defect. */
  readonly onFailure: (error: unknown) => void;
}

/** Codes that say something of the upstream or of the request; every other failure is the cache's own, and the app must not feel it. */
const TOLD: ReadonlySet<string> = new Set([
  'bad-request',
  'forbidden-target',
  'upstream-unreachable',
  'upstream-timeout',
  'upstream-truncated',
  'upstream-protocol',
]);

async function answer(exchange: ClientExchange, parts: HandlerParts): Promise<void> {
  const asked = readAsked(exchange.request, parts);
  const pass = async (outcome: Outcome): Promise<void> => {
    parts.onOutcome(outcome);
    await parts.passthrough.web(exchange, asked, cacheStatusOf(outcome));
  };

  const found = classify(asked);
  if (found.kind === 'passthrough') return await pass(found.outcome);

  const entry = found.mayUseNear ? parts.near.get(found.nearKey) : undefined;
  if (entry !== undefined) {
    parts.onOutcome('near-hit');
    sendNear(exchange, asked, { entry, now: parts.now(), pseudonym: parts.pseudonym });
    return;
  }
  const remembered = parts.bypassed.recall(new URL(asked.url).origin);
  if (remembered !== undefined) return await pass(outcomeOf(remembered));

  const lookup = await lookUp(asked, exchange, parts);
  if (lookup === 'unavailable') {
    if (asked.route.fallback === 'direct') return await pass('direct');
    throw new ProxyError('server-unavailable', 'no cache server answers, and the fallback is stale-only');
  }
  if (lookup.kind === 'bypass') {
    parts.bypassed.remember(new URL(asked.url).origin, lookup.reason, lookup.rememberOriginMs);
    return await pass(outcomeOf(lookup.reason));
  }
  parts.onOutcome(lookup.outcome);
  await sendLookup(exchange, asked, { answer: lookup, nearKey: found.nearKey, parts });
}

async function lookUp(
  asked: ProxiedRequest,
  { left }: ClientExchange,
  parts: HandlerParts,
): Promise<LookupAnswer | 'unavailable'> {
  try {
    return await parts.transport.lookup(asked, { signal: left });
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
      parts.onOutcome(refused ? 'refused' : 'upstream-error');
      endWithFailure(exchange, failure, cacheStatusOf(refused ? 'refused' : 'upstream-error'));
    });
  };
}
