/** Answers to requests for a part of what is not stored as a whole: from stored parts, or from a flight that brings just that part. */
import { hasHeader, rangeStillApplies, storedFields } from '@pannier/http-semantics';
import { answerOf, answerWaiting, joinFlight, SERVER_FAILURES } from '../entry/answer-from-flight.ts';
import type { WaitingRequest } from '../entry/answer-from-flight.ts';
import type { EntryAnswer, EntryBody } from '../entry/entry-answer.ts';
import { answerStored, asksWho, atHand, forwardStatus, response } from '../entry/entry-answers.ts';
import type { Asked, StoredOutcome } from '../entry/entry-answers.ts';
import { flightBody, inlineBody } from '../entry/entry-bodies.ts';
import type { EntryContext } from '../entry/entry-context.ts';
import { partsKey, rangeKey } from '../entry/entry-key.ts';
import type { FetchTask } from '../fetch/fetch-task.ts';
import { isFor } from '../fetch/flight-head.ts';
import type { FlightHead, PartArriving } from '../fetch/flight-head.ts';
import type { Seat } from '../flight/flight-table.ts';
import type { Flight } from '../flight/flight.ts';
import { answerHead, notModifiedHead } from '../freshness/answer-head.ts';
import type { AnswerFacts } from '../freshness/answer-head.ts';
import { entryServesOnError, entryUse } from '../freshness/entry-freshness.ts';
import type { EntryUse } from '../freshness/entry-freshness.ts';
import { bypass } from '../entry/request-plan.ts';
import { wholeBody } from '../entry/whole-body.ts';
import { fillBehind } from './fill-behind.ts';
import { runPartFlight } from './run-part-flight.ts';
import { haveWanted, isOfParts, readParts } from './stored-parts.ts';
import type { PartsManifest } from './stored-parts.ts';

const NEVER = new AbortController().signal;
const NO_BYTES = new Uint8Array(0);

/** What an answer from stored parts is called; all others need the upstream. */
const OUTCOME_OF_USE: Partial<Record<EntryUse, StoredOutcome>> = {
  fresh: 'hit',
  'stale-allowed': 'stale-allowed',
};

/** The answer of parts that are stored, if they are all that the request asks for and may be used as they are. */
export async function answerHeldPart(asked: Asked, context: EntryContext): Promise<EntryAnswer | undefined> {
  const { request, plan, key } = asked;
  if (request.method !== 'GET' || !hasHeader(request.headers, 'range')) return undefined;
  const parts = await readParts(key, context, { recent: true });
  if (parts === undefined || !haveWanted(parts, request)) return undefined;
  const now = context.clock.now();
  const use = entryUse(parts, request.headers, { now, ignoreNoCache: plan.ignoreNoCache });
  const isFailing = context.failing.has(key.text) && entryServesOnError(parts, request.headers, now);
  const outcome = OUTCOME_OF_USE[use] ?? (isFailing ? 'stale-if-error' : undefined);
  return outcome && (await answerFromParts(asked, { manifest: parts, outcome }, context));
}

/** Stored parts instead of a failure that was just seen. */
async function answerHeldInstead(asked: Asked, context: EntryContext): Promise<EntryAnswer | undefined> {
  context.failing.set(asked.key.text, true);
  return await answerHeldPart(asked, context);
}

/** @returns undefined when their bytes cannot be read */
async function answerFromParts(
  asked: Asked,
  found: { manifest: PartsManifest; outcome: StoredOutcome; collapsed?: boolean },
  context: EntryContext,
): Promise<EntryAnswer | undefined> {
  const answer = await answerStored({ ...asked, key: partsKey(asked.key) }, found, context);
  if (answer?.kind !== 'response') return answer;
  const body = await provedBody(answer.body, context);
  return body && { ...answer, body };
}

/** Bytes at hand where they are few, else seen to begin; undefined where they are lost. */
async function provedBody(body: EntryBody, { limits }: EntryContext): Promise<EntryBody | undefined> {
  const { bodyBytes = 0, inline } = body;
  if (inline !== undefined) return body;
  try {
    if (bodyBytes <= limits.inlineBytesMax)
      return inlineBody(await wholeBody(body, limits.inlineBytesMax, NEVER), body.version);
    for await (const _first of body.open(0, NEVER)) break;
    return body;
  } catch {
    // Reported, and removed from the store, where it was read.
    return undefined;
  }
}

/** What a request asks of a flight that brings a part. */
export interface PartRequest extends WaitingRequest {
  /** As in `bytes=0-99`. */
  readonly range: string;
}

/**
 * The answer of a flight that brings the part, which this request starts or joins. All who ask for the same part share it.
 *
 * @returns `whole` where the request names another version than the part is of, and thus asks for the whole; else as `answerFromFlight`
 */
export async function answerPart(
  wanted: PartRequest,
  context: EntryContext,
  signal: AbortSignal,
): Promise<EntryAnswer | 'other-variant' | 'ask-more' | 'whole'> {
  const { asked } = wanted;
  const making = {
    join: (isAlone: boolean) => joinPartFlight(wanted, isAlone, context),
    answer: async (head: FlightHead, seated: { seat: Seat<FlightHead>; isLate: boolean }) =>
      await answerOfPart(head, { asked, ...seated }, context),
    instead: async () => await answerHeldInstead(asked, context),
  };
  return await answerWaiting(wanted, making, { context, signal });
}

function joinPartFlight(wanted: PartRequest, isAlone: boolean, context: EntryContext): Seat<FlightHead> {
  const { asked, varies, range } = wanted;
  const run = async (task: FetchTask, flight: Flight<FlightHead>): Promise<void> => {
    const part = { ...task, range, request: asked.request };
    if (await runPartFlight(part, flight, context)) fillBehind({ asked, varies }, context);
  };
  return joinFlight(wanted, { run, keyOf: (key) => rangeKey(key, range), isAlone }, context);
}

/** The answer to one who waited for the head of a flight that brings a part. */
async function answerOfPart(
  head: FlightHead,
  { asked, seat, isLate }: { asked: Asked; seat: Seat<FlightHead>; isLate: boolean },
  context: EntryContext,
): Promise<EntryAnswer | 'other-variant' | 'ask-more' | 'whole'> {
  const { request, plan } = asked;
  if (head.kind === 'part') {
    if (!isFor(head, request.headers)) return head.isShared ? 'other-variant' : bypass('bypass-uncacheable');
    if (head.head.status === 206 && !rangeStillApplies(request, head.head)) return 'whole';
    return await answerArrivingPart(asked, { arriving: head, seat }, context);
  }
  const isFailing = head.kind === 'arriving' && SERVER_FAILURES.has(head.head.status);
  const stale = isFailing ? await answerHeldInstead(asked, context) : undefined;
  if (stale !== undefined) return stale;
  if (head.kind !== 'stored' || !isOfParts(head.manifest))
    return await answerOf(head, { asked, seat, isLate, isWholeAnyway: true }, context);
  const { manifest, outcome } = head;
  if (!haveWanted(manifest, request)) return 'whole';
  const use = { now: context.clock.now(), ignoreNoCache: plan.ignoreNoCache };
  const isGood = outcome === 'revalidated' || entryUse(manifest, request.headers, use) === 'fresh';
  const found = { manifest, outcome, collapsed: !seat.isFirst || head.isFollowed === true };
  return (isGood ? await answerFromParts(asked, found, context) : undefined) ?? 'ask-more';
}

async function answerArrivingPart(
  { request, plan, key }: Asked,
  { arriving, seat }: { arriving: PartArriving; seat: Seat<FlightHead> },
  context: EntryContext,
): Promise<EntryAnswer> {
  const { isFirst, flight } = seat;
  const { body: arrivingBody, isShared } = arriving;
  const head = isFirst ? arriving.head : { ...arriving.head, headers: storedFields(arriving.head.headers) };
  if (asksWho(head, request, plan)) return bypass('bypass-uncacheable');
  if (!isShared && !isFirst) return bypass('bypass-uncacheable');
  const { version, publishesAs, captured } = flight;
  // The place is taken before anything is awaited, so that the flight knows its reader.
  const body = flightBody({ version, body: arrivingBody, scope: key.scope }, context);
  await arrivingBody.decided;
  const facts: AnswerFacts = {
    now: context.clock.now(),
    outcome: arriving.isAlone === true ? 'alone' : isFirst ? 'miss' : 'collapsed',
    bodyBytes: body.bodyBytes,
    status: forwardStatus(arriving, isFirst),
  };
  const of = { plan, key: publishesAs, request, head, shared: isShared, generation: captured?.generation };
  const notModified = isShared ? notModifiedHead(head, request, facts) : undefined;
  if (notModified !== undefined) {
    body.release();
    return response(of, { ...notModified, body: inlineBody(NO_BYTES, version) }, facts);
  }
  return response(of, { ...answerHead(head, facts), body: ofPart(atHand(body, version, false)) }, facts);
}

/** It is in no store as it is: nobody goes on with it elsewhere. */
function ofPart(body: EntryBody): EntryBody {
  return {
    version: body.version,
    stored: false,
    get bodyBytes() {
      return body.bodyBytes;
    },
    get inline() {
      return body.inline;
    },
    open: (offset, signal) => body.open(offset, signal),
    release: () => body.release(),
  };
}
