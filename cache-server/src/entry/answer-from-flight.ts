/** The part of the story that needs the upstream: a flight that the request starts or joins, or that runs behind its back. */
import type { EntryAnswer } from './entry-answer.ts';
import { acceptsEarlier, acceptsTold, isGoodFor } from './earlier-response.ts';
import { answerArriving, answerStored } from './entry-answers.ts';
import type { Asked } from './entry-answers.ts';
import type { EntryContext } from './entry-context.ts';
import { personalKey } from './entry-key.ts';
import type { EntryKey } from './entry-key.ts';
import { nominatedHeaders } from './entry-variants.ts';
import { CacheServerError } from '../errors.ts';
import type { FetchNeed, FetchTask } from '../fetch/fetch-task.ts';
import { isFor } from '../fetch/flight-head.ts';
import type { FlightHead, PartArriving } from '../fetch/flight-head.ts';
import { isFromBefore, isOutdated } from '../fetch/flight-verdict.ts';
import type { Seat } from '../flight/flight-table.ts';
import type { Flight } from '../flight/flight.ts';
import { headInTime } from '../flight/head-in-time.ts';
import { versionId } from '../flight/version-id.ts';
import { isWaitLimited } from '../flight/wait-limit.ts';
import { entryFreshness, entryServesOnError, freshForMs } from '../freshness/entry-freshness.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import type { Manifest } from './manifest.ts';
import { bypass } from './request-plan.ts';
import { runFlight } from '../fetch/run-flight.ts';
import { fetchUnlessStored } from '../fetch/stored-meanwhile.ts';

/** What a request asks of a flight. */
export interface FlightRequest {
  readonly asked: Asked;
  readonly varies: readonly string[];
  readonly need: FetchNeed;
}

/** One that waits for its answer. */
export interface WaitingRequest extends FlightRequest {
  /** When it came; its wait does not begin anew with another flight. */
  readonly sinceMs: number;
}

/** What is done in a flight, and the key of those who share it, made of the key of the response. */
interface FlightKind {
  readonly run: (task: FetchTask, flight: Flight<FlightHead>) => Promise<void>;
  readonly keyOf: (key: EntryKey) => EntryKey;
  /** Whether it is for this request alone, beside another one of the same. */
  readonly isAlone?: boolean;
}

/** A seat in the flight that brings what is asked for, which is begun if there is none. */
export function joinFlight(
  { asked, varies, need }: FlightRequest,
  { run, keyOf, isAlone = false }: FlightKind,
  context: EntryContext,
): Seat<FlightHead> {
  const { request, plan, key } = asked;
  const sent = [...plan.sent, ...nominatedHeaders(varies, request.headers, plan.sent)];
  const { clock } = context;
  const task = {
    ...plan,
    sent,
    entryKey: key,
    varies,
    need,
    isAlone,
    acceptsEarlier: (head: JudgedHead) => acceptsTold(head, { asked, need, now: clock.now() }),
  };
  // What comes back for somebody's credentials is nobody else's until it says so.
  const own = plan.isPersonal || isAlone ? personalKey(key, versionId(clock.now(), context.random)) : key;
  return context.flights.join(keyOf(own), {
    run: async (flight) => await fetchUnlessStored(flight, async () => await run(task, flight)),
    accepts: (head) => acceptsEarlier(head, { asked, need, now: clock.now() }),
    isOutdated: (flight) => isOutdated(flight, context),
    isPatient: request.isPatient,
  });
}

/** A seat in the flight of the whole. */
export function joinWhole(wanted: FlightRequest, context: EntryContext, isAlone = false): Seat<FlightHead> {
  const run: FlightKind['run'] = async (task, flight) => await runFlight(task, flight, context);
  return joinFlight(wanted, { run, keyOf: (key) => key, isAlone }, context);
}

/**
 * The answer of a flight that this request starts or joins.
 *
 * @returns `other-variant` when what came is for requests with other headers, or from before an invalidation; `ask-more` when the
 *   stored entry that it found will not do
 */
export async function answerFromFlight(
  wanted: WaitingRequest,
  context: EntryContext,
  signal: AbortSignal,
): Promise<EntryAnswer | 'other-variant' | 'ask-more'> {
  const { asked } = wanted;
  const making = {
    join: (isAlone: boolean) => joinWhole(wanted, context, isAlone),
    answer: async (head: FlightHead, seated: { seat: Seat<FlightHead>; isLate: boolean }) =>
      // Nobody is given a part who has not asked for just that.
      head.kind === 'part' ? 'ask-more' : await answerOf(head, { asked, ...seated }, context),
    instead: async () => await answerInstead(asked, context),
  };
  return await answerWaiting(wanted, making, { context, signal });
}

/** How an answer is made. */
interface Making<A> {
  /** Takes a seat. @throws CacheServerError `wait-limited`, but not where the request goes alone */
  readonly join: (isAlone: boolean) => Seat<FlightHead>;
  /** Of the head; `isLate` when the whole body had come before the request did. */
  readonly answer: (
    head: FlightHead,
    seated: { readonly seat: Seat<FlightHead>; readonly isLate: boolean },
  ) => Promise<A>;
  /** Of what is stored, if it may be used while the upstream fails. */
  readonly instead: () => Promise<EntryAnswer | undefined>;
}

/** Waits for a flight; who may not, or not any longer, goes alone or is refused, as the operator chose. */
export async function answerWaiting<A>(
  { asked, sinceMs }: WaitingRequest,
  making: Making<A>,
  { context, signal }: { context: EntryContext; signal: AbortSignal },
): Promise<A | EntryAnswer | 'other-variant'> {
  const head = async (seat: Seat<FlightHead>): Promise<FlightHead> =>
    asked.request.isPatient === true
      ? await seat.head(signal)
      : await headInTime(seat, { sinceMs, signal, ...context });
  try {
    return await answerSeated(making.join(false), { ...making, head }, context);
  } catch (error) {
    if (!isWaitLimited(error)) throw error;
    if (context.limits.waitersBeyond === 'refuse') {
      const stale = await answerOnError(asked, context);
      if (stale === undefined) throw error;
      return stale;
    }
  }
  const ownHead = async (seat: Seat<FlightHead>): Promise<FlightHead> => await seat.head(signal);
  return await answerSeated(making.join(true), { ...making, head: ownHead }, context);
}

/** Waits for the head of a flight, makes an answer, and gives the seat up. */
async function answerSeated<A>(
  seat: Seat<FlightHead>,
  {
    head: headOf,
    answer,
    instead,
  }: Omit<Making<A>, 'join'> & { head: (seat: Seat<FlightHead>) => Promise<FlightHead> },
  context: EntryContext,
): Promise<A | EntryAnswer | 'other-variant'> {
  const { flight, isFirst } = seat;
  const isLate = flight.sharedBody?.isWhole === true;
  const joinedAt = context.generations.position;
  try {
    const head = await headOf(seat);
    // Only now it is known by which tags it was invalidated, between its request and this one.
    if (!isFirst && isFromBefore(joinedAt, { head, flight }, context)) return 'other-variant';
    return await answer(head, { seat, isLate });
  } catch (error) {
    const stale = isUpstreamFailure(error) ? await instead() : undefined;
    if (stale === undefined) throw error;
    return stale;
  } finally {
    seat.leave();
  }
}

/** The answer to one who waited for the head of a flight. @param waiting.isLate whether the whole body had come before the request did */
export async function answerOf(
  head: Exclude<FlightHead, PartArriving>,
  waiting: { asked: Asked; seat: Seat<FlightHead>; isLate: boolean; isWholeAnyway?: boolean },
  context: EntryContext,
): Promise<EntryAnswer | 'other-variant' | 'ask-more'> {
  const { asked, seat, ...rest } = waiting;
  if (head.kind === 'released') return bypass('bypass-uncacheable');
  const { flight } = seat;
  // Of those who wait for another server's fetch none is the one that it was made for.
  const isFirst = seat.isFirst && head.isFollowed !== true;
  if (head.kind === 'stored') {
    const good = head.outcome === 'revalidated' || isGoodFor(asked, head.manifest, context.clock.now());
    if (!good) return 'ask-more';
    return (await answerStored(asked, { ...head, collapsed: !isFirst }, context)) ?? 'ask-more';
  }
  if (!isFor(head, asked.request.headers))
    return head.isShared ? 'other-variant' : bypass('bypass-uncacheable');
  const isFailing = SERVER_FAILURES.has(head.head.status);
  const stale = isFailing ? await answerInstead(asked, context) : undefined;
  if (stale !== undefined) return stale;
  const captured = flight.captured?.generation;
  const joined = { arriving: head, version: flight.version, isFirst, captured, ...rest };
  return await answerArriving({ ...asked, key: flight.publishesAs }, joined, context);
}

/**
 * Statuses that RFC 5861 counts as errors, https://www.rfc-editor.org/rfc/rfc5861#section-4, and 429: an upstream that wants to be left in
 * peace is one that cannot be asked.
 */
export const SERVER_FAILURES: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/** What is stored, instead of a failure that was just seen, and that others need not wait to see for a moment. */
export async function answerInstead(asked: Asked, context: EntryContext): Promise<EntryAnswer | undefined> {
  context.failing.set(asked.key.text, true);
  return await answerOnError(asked, context);
}

/** Whether it was the upstream that failed, and not the request or this server. */
export function isUpstreamFailure(error: unknown): boolean {
  return error instanceof CacheServerError && error.code.startsWith('upstream-');
}

/** What is stored, where it may be used while the upstream fails. */
export async function answerOnError(asked: Asked, context: EntryContext): Promise<EntryAnswer | undefined> {
  const { key, request } = asked;
  // Read anew: it may have been purged, or replaced, while the upstream was asked.
  const manifest = await context.manifests.read(key.text);
  if (manifest === undefined || !entryServesOnError(manifest, request.headers, context.clock.now()))
    return undefined;
  return await answerStored(asked, { manifest, outcome: 'stale-if-error' }, context);
}

/** Asks the upstream behind the back of whoever got an answer that is asked for often and soon stale, if its upstream is to be asked so. */
export function refreshAhead(
  found: { asked: Asked; varies: readonly string[] },
  manifest: Manifest,
  context: EntryContext,
): void {
  const { key, plan } = found.asked;
  const { share, hitsMin } = plan.target.upstream.refreshAhead;
  if (share === 0) return;
  const hits = context.hotEntries.hit(key.text, manifest.responseTimeMs);
  const now = context.clock.now();
  const { lifetimeS } = entryFreshness(manifest, now);
  const isNearItsEnd = freshForMs(manifest, now) <= share * lifetimeS * 1000;
  if (hits >= hitsMin && isNearItsEnd) refreshBehind({ ...found, need: 'confirmed' }, context);
}

/** Asks the upstream behind the back of whoever got a stale answer; one flight however many they are. */
export function refreshBehind(
  { asked, varies, need = 'any' }: Omit<FlightRequest, 'need'> & { need?: FetchNeed },
  context: EntryContext,
): void {
  // Once in a moment, whether that works or not: an upstream that fails is not asked by each stale answer.
  if (context.flights.isUnderWay(asked.key.text) || context.refreshed.has(asked.key.text)) return;
  context.refreshed.set(asked.key.text, true);
  const seat = joinWhole({ asked, varies, need }, context);
  // A failure is reported by the flight; nobody waits for it here.
  seat
    .head(NEVER)
    .then(
      (head) => {
        const works =
          head.kind === 'stored' || head.kind === 'released' || !SERVER_FAILURES.has(head.head.status);
        if (works) context.refreshed.delete(asked.key.text);
      },
      () => undefined,
    )
    .finally(() => seat.leave());
}

const NEVER = new AbortController().signal;
