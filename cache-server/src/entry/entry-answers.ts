/** Answers, from what is stored and from what is arriving. */
import { storedFields, varyNames } from '@pannier/http-semantics';
import type { CacheStatusParams, HeaderList, Outcome, StoringRefusal } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';
import type { Repair } from './body-repair.ts';
import type { EntryAnswer, EntryBody, EntryRequest, EntryResponse } from './entry-answer.ts';
import { flightBody, inlineBody, storedBody } from './entry-bodies.ts';
import type { EntryContext } from './entry-context.ts';
import type { EntryKey } from './entry-key.ts';
import { rangedAnswer } from './entry-range.ts';
import type { RangedAnswer } from './entry-range.ts';
import type { PartArriving, ResponseArriving } from '../fetch/flight-head.ts';
import { answerHead, notModifiedHead, ownAnswerHead } from '../freshness/answer-head.ts';
import type { AnswerFacts } from '../freshness/answer-head.ts';
import { freshForMs } from '../freshness/entry-freshness.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import { versionName } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { bypass } from './request-plan.ts';
import type { LookupPlan } from './request-plan.ts';

const NO_BYTES = new Uint8Array(0);
/** Statuses that may mean: show who you are. What shows it was perhaps in a header that a shared fetch leaves out. */
const ASKS_WHO: ReadonlySet<number> = new Set([401, 403, 407]);

/** A part of an arriving body is waited for while it begins at most so far behind what has arrived, in bytes. */
const RANGE_AHEAD_BYTES_MAX = 8 * 1024 * 1024;

/** A request, its plan, and the key of the response to it. */
export interface Asked {
  readonly request: EntryRequest;
  readonly plan: LookupPlan;
  readonly key: EntryKey;
}

/** A response of a flight, and this request's share in it. */
export interface Joined {
  readonly arriving: ResponseArriving;
  readonly version: string;
  readonly isFirst: boolean;
  /** True when the whole body had arrived before this request did: it is being published, and as good as stored. */
  readonly isLate: boolean;
  /** The invalidations that were known before the upstream was asked. */
  readonly captured: Generation | undefined;
  /** Who waits asked for a part, and would get the whole again by asking alone: it is waited for, however far ahead it is. */
  readonly isWholeAnyway?: boolean;
}

/** What an answer from the store may be called. */
export type StoredOutcome = Extract<
  Outcome,
  'hit' | 'revalidated' | 'stale-allowed' | 'stale-while-revalidate' | 'stale-if-error'
>;

/** Answers from a stored entry; undefined when its body cannot be read. */
export async function answerStored(
  { request, plan, key }: Asked,
  found: { manifest: Manifest; outcome: StoredOutcome; collapsed?: boolean; repair?: Repair },
  context: EntryContext,
): Promise<EntryAnswer | undefined> {
  const { manifest, outcome } = found;
  const { generation, judgedAt = generation } = manifest;
  const of = { plan, key, request, head: manifest, shared: true, generation: judgedAt };
  if (asksWho(manifest, request, plan)) return bypass('bypass-uncacheable');
  const facts: AnswerFacts = {
    now: context.clock.now(),
    outcome,
    bodyBytes: undefined,
    status: found.collapsed === true ? { collapsed: true } : {},
  };
  const notModified = notModifiedHead(manifest, request, facts);
  if (notModified !== undefined) {
    const body = inlineBody(NO_BYTES, manifest.version, true);
    return response(of, { ...notModified, body }, facts);
  }
  const { frames, manifests, report, limits } = context;
  const { repair } = found;
  const body = await storedBody(key.text, manifest, { frames, manifests, report, limits, repair });
  if (body === undefined) return undefined;
  // Who falls behind those who share this answer opens it by its version.
  if (repair !== undefined && body.inline === undefined)
    context.repairs.set(versionName(key.text, manifest.version), { manifest, repair });
  const whole = { ...answerHead(manifest, { ...facts, bodyBytes: body.bodyBytes }), body };
  return response(of, asAsked(request, manifest, whole), facts);
}

/** The whole, the part of it that the request asks for, or its head alone. */
function asAsked(request: EntryRequest, head: JudgedHead, whole: RangedAnswer): RangedAnswer {
  if (request.method !== 'HEAD') return rangedAnswer(request, head, whole) ?? whole;
  whole.body.release();
  // Of a version that nobody can go on reading: the length in the head is not that of this body.
  return { ...whole, body: inlineBody(NO_BYTES) };
}

/** Answers from a response that is arriving: its body follows, or rides along if it is small and comes at once. */
export async function answerArriving(
  { request, plan, key }: Asked,
  { arriving, version, isFirst, isLate, captured, isWholeAnyway = false }: Joined,
  context: EntryContext,
): Promise<EntryAnswer> {
  const { body: arrivingBody } = arriving;
  const of = { plan, key, request, generation: captured };
  const head = isFirst ? arriving.head : { ...arriving.head, headers: storedFields(arriving.head.headers) };
  if (asksWho(head, request, plan)) return bypass('bypass-uncacheable');
  if (!arriving.isShared && !isFirst) return bypass('bypass-uncacheable');
  const outcome = arrivingOutcome(arriving, { isFirst, isLate });
  // The place is taken before anything is awaited, so that the flight knows its reader.
  const body = flightBody({ version, body: arrivingBody, scope: key.scope }, context);
  await arrivingBody.decided;
  const facts: AnswerFacts = {
    now: context.clock.now(),
    outcome,
    bodyBytes: body.bodyBytes,
    status: outcome === 'hit' ? {} : forwardStatus(arriving, isFirst),
  };
  // What one fetched alone that might have been stored may be kept by whoever asked for several.
  const shared = arrivingBody.storing || arriving.refusal === 'wait-limited';
  const how = { shared, refusal: refusalOf(arriving) };
  // Conditions are judged before Range: https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
  const notModified = shared || isWholeAnyway ? notModifiedHead(head, request, facts) : undefined;
  if (notModified !== undefined) {
    body.release();
    return response(
      { ...of, head, ...how },
      { ...notModified, body: inlineBody(NO_BYTES, version, arrivingBody.storing) },
      facts,
    );
  }
  const whole = { ...answerHead(head, facts), body: atHand(body, version, arrivingBody.storing) };
  const ranged = rangedAnswer(request, head, whole);
  if (ranged === undefined) return response({ ...of, head, ...how }, asAsked(request, head, whole), facts);
  if (isWholeAnyway || isWithinReach(ranged, arrivingBody))
    return response({ ...of, head, ...how }, ranged, facts);
  ranged.body.release();
  return bypass('bypass-range');
}

/** A flight's body, or its bytes when they are all there. */
export function atHand(body: EntryBody, version: string, shared: boolean): EntryBody {
  if (body.inline === undefined) return body;
  body.release();
  return inlineBody(body.inline, version, shared);
}

/** Whether one part, and it alone, comes soon enough: several would need several readers of a body that is read but once. */
function isWithinReach({ headers, body }: RangedAnswer, arriving: ResponseArriving['body']): boolean {
  if (body.inline !== undefined) return true;
  const [, first] = /^bytes (\d+)-/.exec(headers.find(([name]) => name === 'content-range')?.[1] ?? '') ?? [];
  return first !== undefined && Number(first) - arriving.arrivedBytes <= RANGE_AHEAD_BYTES_MAX;
}

function arrivingOutcome(
  { outcome, body, isAlone = false }: ResponseArriving,
  { isFirst, isLate }: { isFirst: boolean; isLate: boolean },
): Outcome {
  if (isAlone) return 'alone';
  if (isFirst || outcome === 'relay-too-large' || outcome === 'hit') return outcome;
  return isLate && body.storing ? 'hit' : 'collapsed';
}

/** As far as its head says, and what has come of its body. */
function refusalOf({
  refusal,
  body,
}: Pick<ResponseArriving, 'refusal' | 'body'>): StoringRefusal | undefined {
  return refusal ?? (body.storingEnd === 'too-large' ? 'too-large' : undefined);
}

/** https://www.rfc-editor.org/rfc/rfc9211#section-2.2 */
export function forwardStatus(
  arriving: Omit<PartArriving, 'kind'> & Partial<Pick<ResponseArriving, 'outcome'>>,
  isFirst: boolean,
): CacheStatusParams {
  const { outcome, head, body, fwdStatus = head.status } = arriving;
  const refusal = refusalOf(arriving);
  const { fwd = outcome === 'refreshed' ? 'stale' : 'uri-miss' } = arriving;
  return {
    fwd,
    fwdStatus,
    ...(body.storing ? { stored: true } : refusal && { stored: false, detail: refusal }),
    ...(isFirst ? {} : { collapsed: true }),
  };
}

/** Nothing fresh is stored and the caller forbade asking: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.7 */
export function answerOnlyIfCached(): EntryResponse {
  const outcome = 'only-if-cached';
  const head = ownAnswerHead(504, outcome);
  return { kind: 'response', ...head, outcome, key: undefined, freshForMs: 0, body: inlineBody(NO_BYTES) };
}

/** An answer, whatever it was made from. @param of.shared whether others may have it, too */
export function response(
  of: Asked & {
    head: JudgedHead;
    shared: boolean;
    generation: Generation | undefined;
    refusal?: StoringRefusal | undefined;
  },
  answer: RangedAnswer,
  { outcome, now }: AnswerFacts,
): EntryResponse {
  return {
    kind: 'response',
    status: answer.status,
    headers: answer.headers,
    outcome,
    key: of.shared ? of.key : undefined,
    refusal: of.refusal,
    freshForMs: of.shared ? freshForMs(of.head, now) : 0,
    generation: of.shared ? of.generation : undefined,
    requestTimeMs: of.shared ? of.head.requestTimeMs : undefined,
    url: of.plan.target.url === of.request.url ? undefined : of.plan.target.url,
    body: answer.body,
  };
}

/** Whether an answer may be about a header that did not go upstream: it asks who the caller is, or varies by anything. */
export function asksWho({ status, headers }: JudgedHead, request: EntryRequest, plan: LookupPlan): boolean {
  const asks = ASKS_WHO.has(status) || varyNames(headers) === '*';
  return asks && hasUnsentHeaders(request.headers, plan.sent);
}

/** Whether the request carries anything that a shared fetch did not pass on and that an upstream might have wanted to see. */
function hasUnsentHeaders(request: HeaderList, sent: HeaderList): boolean {
  const names = new Set(sent.map(([name]) => name.toLowerCase()));
  return request.some(([name]) => !names.has(name.toLowerCase()) && !OF_THE_HOP.has(name.toLowerCase()));
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
