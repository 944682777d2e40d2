/** Answers, from what is stored and from what is arriving. */
import type { CacheStatusParams, HeaderList, Outcome } from '@pannier/http-semantics';
import type { EntryAnswer, EntryBody, EntryRequest, EntryResponse } from './entry-answer.ts';
import { flightBody, inlineBody, storedBody } from './entry-bodies.ts';
import type { EntryContext } from './entry-context.ts';
import type { EntryKey } from './entry-key.ts';
import type { ResponseArriving } from './flight-head.ts';
import { answerHead, notModifiedHead, ownAnswerHead } from './freshness/answer-head.ts';
import type { AnswerFacts } from './freshness/answer-head.ts';
import { freshForMs } from './freshness/entry-freshness.ts';
import type { JudgedHead } from './freshness/entry-freshness.ts';
import type { Manifest } from './manifest.ts';
import { bypass } from './request-plan.ts';
import type { LookupPlan } from './request-plan.ts';

const NO_BYTES = new Uint8Array(0);
/** Statuses that may mean: show who you are. What shows it was perhaps in a header that a shared fetch leaves out. */
const ASKS_WHO: ReadonlySet<number> = new Set([401, 403, 407]);

/** A request and its plan. */
export interface Asked {
  readonly request: EntryRequest;
  readonly plan: LookupPlan;
}

/** A response of a flight, and this request's share in it. */
export interface Joined {
  readonly arriving: ResponseArriving;
  readonly version: string;
  readonly isFirst: boolean;
  /** True when the whole body had arrived before this request did: it is being published, and as good as stored. */
  readonly isLate: boolean;
}

/** Answers from a stored entry; undefined when its body cannot be read. */
export async function answerStored(
  { request, plan }: Asked,
  found: { manifest: Manifest; outcome: Outcome; collapsed?: boolean },
  context: EntryContext,
): Promise<EntryResponse | undefined> {
  const { manifest, outcome } = found;
  const facts: AnswerFacts = {
    now: context.clock.now(),
    outcome,
    bodyBytes: undefined,
    status: found.collapsed === true ? { collapsed: true } : {},
  };
  const notModified = notModifiedHead(manifest, request.headers, facts);
  if (notModified !== undefined) {
    const body = inlineBody(NO_BYTES, manifest.version, true);
    return response({ plan, head: manifest, body, shared: true }, notModified, facts);
  }
  const body = await storedBody(plan.key.text, manifest, context);
  if (body === undefined) return undefined;
  const head = answerHead(manifest, { ...facts, bodyBytes: body.bodyBytes });
  return response({ plan, head: manifest, body, shared: true }, head, facts);
}

/** Answers from a response that is arriving: its body follows, or rides along if it is small and comes at once. */
export async function answerArriving(
  { request, plan }: Asked,
  { arriving, version, isFirst, isLate }: Joined,
  context: EntryContext,
): Promise<EntryAnswer> {
  const { head, body: arrivingBody } = arriving;
  if (ASKS_WHO.has(head.status) && hasUnsentHeaders(request.headers, plan.shared))
    return bypass('bypass-uncacheable');
  if (!arriving.claim()) return bypass('bypass-uncacheable');
  const outcome = arrivingOutcome(arriving, { isFirst, isLate });
  // The place is taken before anything is awaited, so that the flight knows its reader.
  const body = flightBody({ version, body: arrivingBody, scope: plan.key.scope }, context);
  await arrivingBody.decided;
  const facts: AnswerFacts = {
    now: context.clock.now(),
    outcome,
    bodyBytes: body.bodyBytes,
    status: outcome === 'hit' ? {} : forwardStatus(arriving, isFirst),
  };
  const shared = arrivingBody.storing;
  const notModified = shared ? notModifiedHead(head, request.headers, facts) : undefined;
  if (notModified !== undefined) {
    body.release();
    return response({ plan, head, body: inlineBody(NO_BYTES, version, true), shared }, notModified, facts);
  }
  if (body.inline === undefined)
    return response({ plan, head, body, shared }, answerHead(head, facts), facts);
  body.release();
  const inline = inlineBody(body.inline, version, shared);
  return response({ plan, head, body: inline, shared }, answerHead(head, facts), facts);
}

function arrivingOutcome(
  { outcome, body }: ResponseArriving,
  { isFirst, isLate }: { isFirst: boolean; isLate: boolean },
): Outcome {
  if (isFirst || outcome === 'relay-too-large') return outcome;
  return isLate && body.storing ? 'hit' : 'collapsed';
}

/** https://www.rfc-editor.org/rfc/rfc9211#section-2.2 */
function forwardStatus({ outcome, head, body }: ResponseArriving, isFirst: boolean): CacheStatusParams {
  return {
    fwd: outcome === 'refreshed' ? 'stale' : 'uri-miss',
    fwdStatus: head.status,
    ...(body.storing ? { stored: true } : {}),
    ...(isFirst ? {} : { collapsed: true }),
  };
}

/** Nothing fresh is stored and the caller forbade asking: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.7 */
export function answerOnlyIfCached(): EntryResponse {
  const outcome = 'only-if-cached';
  const head = ownAnswerHead(504, outcome);
  return { kind: 'response', ...head, outcome, key: undefined, freshForMs: 0, body: inlineBody(NO_BYTES) };
}

function response(
  of: { plan: { key: EntryKey }; head: JudgedHead; body: EntryBody; shared: boolean },
  answer: { status: number; headers: HeaderList },
  { outcome, now }: AnswerFacts,
): EntryResponse {
  return {
    kind: 'response',
    status: answer.status,
    headers: answer.headers,
    outcome,
    key: of.shared ? of.plan.key : undefined,
    freshForMs: of.shared ? freshForMs(of.head, now) : 0,
    body: of.body,
  };
}

/** Whether the request carries anything that a shared fetch did not pass on and that an upstream might have wanted to see. */
function hasUnsentHeaders(request: HeaderList, shared: HeaderList): boolean {
  const sent = new Set(shared.map(([name]) => name));
  return request.some(([name]) => !sent.has(name.toLowerCase()) && !OF_THE_HOP.has(name.toLowerCase()));
}

const OF_THE_HOP: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'cache-control',
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'pragma',
  'proxy-connection',
  'te',
  'via',
]);
