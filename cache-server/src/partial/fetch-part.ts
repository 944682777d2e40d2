/** The work of a flight that brings one part of a response: look again, ask for it, judge what comes, pass it on, store it. */
import {
  conditionalHeaders,
  contentPart,
  headOfWhole,
  isWholeContent,
  strongValidator,
} from '@pannier/http-semantics';
import type { ContentPart } from '@pannier/http-semantics';
import { entryTags } from '@pannier/proto/generation';
import { ask } from '../fetch/ask-upstream.ts';
import type { FlightArrival } from '../fetch/ask-upstream.ts';
import { storedBodySink } from '../fetch/body-sink.ts';
import type { EntryRequest } from '../entry/entry-answer.ts';
import type { EntryContext } from '../entry/entry-context.ts';
import { partsKey, rangeKey } from '../entry/entry-key.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import { newlyVaries } from '../entry/entry-variants.ts';
import {
  bodyOf,
  entering,
  foundVariant,
  plannedFor,
  receive,
  sendsEverything,
  toldApart,
} from '../fetch/fetch-entry.ts';
import type { FetchTask } from '../fetch/fetch-task.ts';
import type { FlightHead } from '../fetch/flight-head.ts';
import type { Manifest } from '../entry/manifest.ts';
import type { Flight } from '../flight/flight.ts';
import { isFresh } from '../freshness/entry-freshness.ts';
import { planResponse } from '../freshness/response-plan.ts';
import type { PlannedResponse } from '../freshness/response-plan.ts';
import { publishRenewed } from '../fetch/publish-entry.ts';
import { placeFlight } from '../fetch/response-place.ts';
import { lookOf } from '../fetch/stored-meanwhile.ts';
import { forgetParts } from './complete-entry.ts';
import { publishPart } from './publish-part.ts';
import { haveWanted, readParts } from './stored-parts.ts';
import type { PartsManifest } from './stored-parts.ts';

/** What to fetch a part of. */
export interface PartTask extends FetchTask {
  /** As in `bytes=0-99`. */
  readonly range: string;
  /** The first of those who asked for it. */
  readonly request: EntryRequest;
}

type PartFlight = Flight<FlightHead>;

/**
 * Runs the flight to its end.
 *
 * @returns whether the whole is to be had behind the answer: it may be stored, and is small, or all its parts have come
 */
export async function fetchPart(task: PartTask, flight: PartFlight, context: EntryContext): Promise<boolean> {
  const { fresh, parts, held } = await findPart(task, context);
  if (fresh !== undefined) {
    flight.settle({ kind: 'stored', outcome: 'hit', manifest: fresh });
    return false;
  }
  let arrival = await askForPart(task, { held, flight, context });
  if (arrival.head.status === 304 && held !== undefined) {
    if (await confirm(task, { held, arrival, flight, context })) return false;
    // It speaks of another version, turns the response private, or what it confirms is lost.
    arrival = await askForPart(task, { held: undefined, flight, context });
  }
  const { status } = arrival.head;
  if (status === 206 || status === 416)
    return await receivePart(task, { arrival, hasParts: parts !== undefined, flight, context });
  // The upstream sends the whole, or says why there is nothing to send parts of.
  await receive(task, { arrival, stored: undefined, flight, context });
  const seen = { head: arrival.head, version: flight.version, context };
  if (parts !== undefined) await forgetParts({ key: task.entryKey, manifest: parts }, seen);
  return false;
}

/** What is stored of what is wanted. */
interface FoundPart {
  /** What answers as it is. */
  readonly fresh: Manifest | undefined;
  readonly parts: PartsManifest | undefined;
  /** Parts that have all that is wanted, but are to be confirmed. */
  readonly held: PartsManifest | undefined;
}

/** Looks again: published since whoever began this flight looked, here or by another server. */
export async function findPart(task: PartTask, context: EntryContext): Promise<FoundPart> {
  const now = context.clock.now();
  const isContent = task.need === 'any';
  const whole = isContent ? await context.manifests.read(task.entryKey.text) : undefined;
  if (whole !== undefined && isFresh(whole, now)) return { fresh: whole, parts: undefined, held: undefined };
  const parts = task.need === 'whole' ? undefined : await readParts(task.entryKey, context);
  const held = parts !== undefined && haveWanted(parts, withoutIfRange(task)) ? parts : undefined;
  const isGood = held !== undefined && isContent && isFresh(held, now);
  return { fresh: isGood ? held : undefined, parts, held };
}

/** Whose condition does not hold gets the whole; the others need to know what is held. */
function withoutIfRange({ request, range }: PartTask): EntryRequest {
  return { ...request, headers: [['range', range]] };
}

/** By condition where the part is held: https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2 has that judged before Range. */
async function askForPart(
  task: PartTask,
  { held, flight, context }: { held: PartsManifest | undefined; flight: PartFlight; context: EntryContext },
): Promise<FlightArrival> {
  const conditions = held === undefined ? [] : conditionalHeaders(held.headers);
  const kind = held === undefined ? 'part' : 'conditional';
  const look = lookOf(task, async () => (await findPart(task, context)).fresh);
  return await ask(task, { conditions: [['range', task.range], ...conditions], kind, look, flight, context });
}

/** @returns false when the 304 does not confirm what is held */
async function confirm(
  task: PartTask,
  found: { held: PartsManifest; arrival: FlightArrival; flight: PartFlight; context: EntryContext },
): Promise<boolean> {
  const { held: stored, arrival, flight, context } = found;
  const { head: fresh, generation } = arrival;
  context.counters.upstreamRequest('not-modified', task.target.upstream.name);
  const isSame = newlyVaries(fresh.headers, { told: toldApart(task), varies: task.varies }) === undefined;
  const confirmed = { key: partsKey(task.entryKey), stored, sent: task.sent, generation, fresh };
  const manifest = isSame ? await publishRenewed(confirmed, context) : undefined;
  if (manifest === undefined) return false;
  flight.settle({ kind: 'stored', outcome: 'revalidated', manifest });
  return true;
}

/** Passes a part on to all who wait for it, or that there is none. */
async function receivePart(
  task: PartTask,
  received: { arrival: FlightArrival; hasParts: boolean; flight: PartFlight; context: EntryContext },
): Promise<boolean> {
  const { arrival, hasParts, flight, context } = received;
  const { response, head, generation } = arrival;
  const part = contentPart(head, response.bodyBytes);
  const whole = headOfWhole(head);
  const { plan, refusal = 'partial' } = planWhole(task, { ...arrival, head: whole }, context);
  const isShared = plan !== 'one-only' && task.isAlone !== true;
  const isTelling = plan === 'one-only' && !task.isPersonal && !sendsEverything(task) && head.status === 206;
  if (isTelling) context.uncacheable.set(task.entryKey.text, refusal);
  flight.tags = entryTags(head.headers);
  const variant = foundVariant(task, head);
  const keyOf = (key: EntryKey): EntryKey => rangeKey(key, task.range);
  const key = placeFlight(task, flight, { variant, isShared, context, keyOf });
  const isKept = plan === 'store' && part !== undefined && mayBeKept(part, whole);
  const place = partsKey(key);
  const sink = isKept ? storedBodySink({ key: place, head: whole, replaced: undefined }, context) : undefined;
  const body = bodyOf(flight, { bodyBytes: response.bodyBytes, sink, context });
  flight.attach(body, isShared);
  const fwd = hasParts ? 'partial' : 'uri-miss';
  const kept = isKept ? {} : { refusal };
  const isAlone = task.isAlone === true;
  flight.settle({ kind: 'part', head, fwd, variant, body, isShared, isAlone, ...kept });
  await body.pump(response.body);
  const enter = entering(task, { key, variant, head, generation, context });
  const isAllThere = isKept && (await publishPart({ key, flight, part, head: whole, body, enter }, context));
  if (plan !== 'store' || part === undefined || variant !== undefined || isWholeContent(part)) return false;
  const bytesMax = Math.min(task.target.upstream.rangeFillBytesMax, context.limits.entryBytesMax);
  return isAllThere || part.completeBytes <= bytesMax;
}

/** Whether the whole might be stored, by its head alone: a part of it may be sent and framed in another way. */
function planWhole(
  task: PartTask,
  { head, response }: FlightArrival,
  { limits }: EntryContext,
): PlannedResponse {
  const { closeDelimited } = task.target.upstream;
  const given = { sent: task.sent, limits, closeDelimited, isOpen: sendsEverything(task), stands: false };
  return plannedFor(task, planResponse(head, response, given));
}

/** What other parts belong to it must be certain: https://www.rfc-editor.org/rfc/rfc9111#section-3.3 */
function mayBeKept(part: ContentPart, { headers }: FlightArrival['head']): boolean {
  return isWholeContent(part) || strongValidator(headers) !== undefined;
}
