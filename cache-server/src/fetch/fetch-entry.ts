/** The work of a flight, in order: look again, ask the upstream, judge what it says, pass it on, publish. */
import { conditionalHeaders, looksLikeCredential, variantValues } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import { entryTags } from '@pannier/proto/generation';
import type { Generation } from '@pannier/proto/generation';
import { ask } from './ask-upstream.ts';
import type { FlightArrival } from './ask-upstream.ts';
import { storedBodySink } from './body-sink.ts';
import type { EntryContext } from '../entry/entry-context.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import { enterVariant, newlyVaries } from '../entry/entry-variants.ts';
import type { FetchTask } from './fetch-task.ts';
import type { FlightHead, ResponseArriving } from './flight-head.ts';
import type { FlightLead } from './flight-lease.ts';
import { FlightBody } from '../flight/flight-body.ts';
import type { PartitionSink } from '../flight/body-writer.ts';
import type { Flight } from '../flight/flight.ts';
import { entryServesOnError, isFresh } from '../freshness/entry-freshness.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import { planResponse } from '../freshness/response-plan.ts';
import type { PlannedResponse } from '../freshness/response-plan.ts';
import type { Manifest } from '../entry/manifest.ts';
import { completeEntry, forgetParts } from '../partial/complete-entry.ts';
import { publishEntry, publishRenewed } from './publish-entry.ts';
import { placeFlight } from './response-place.ts';
import { lookOf } from './stored-meanwhile.ts';
import { tellResponse } from './tell-response.ts';
import { unchangedByVersion } from './unchanged-by-version.ts';

/** What a flight works with; without a lead it asks for this server alone. */
export interface FetchParts {
  readonly context: EntryContext;
  readonly lead?: FlightLead | undefined;
}

/** Runs a flight to its end. Rejects when the upstream fails; a failing store only means that nothing is kept. */
export async function fetchEntry(
  task: FetchTask,
  flight: Flight<FlightHead>,
  { context, lead }: FetchParts,
): Promise<void> {
  // Request A looks and finds nothing. Before A comes to join, flight F of the same key publishes and leaves the table, so A starts
  // this flight. Without a second look it would fetch what was stored a moment ago. So it would when
  // another server's flight ended before this one took the lease.
  //
  // What is invalidated from here on must not come back by the upstream's word on what is read here.
  const known = await context.generations.capture();
  const stored = task.need === 'whole' ? undefined : await context.manifests.read(task.entryKey.text);
  if (stored !== undefined && task.need === 'any' && isFresh(stored, context.clock.now())) {
    flight.settle({ kind: 'stored', outcome: 'hit', manifest: stored });
    await lead?.recorder.settled('hit', stored.responseTimeMs);
    return;
  }
  // What one caller gets alone is not stored, parts or not.
  const mayComplete = stored === undefined && task.need !== 'whole' && task.isAlone !== true;
  if (mayComplete && (await fetchRest(task, flight, { context, lead }))) return;
  const conditions = stored === undefined ? [] : conditionalHeaders(stored.headers);
  const unchanged = await unchangedByVersion(task, { stored, known, flight, context });
  const look = lookOf(task, async () => await findFresh(task, context));
  const arrival = unchanged ?? (await ask(task, { conditions, known, look, flight, context }));
  const isAsked = conditions.length > 0 || unchanged !== undefined;
  if (stored === undefined || arrival.response.status !== 304 || !isAsked) {
    await receive(task, { arrival, stored, flight, context, lead });
    return;
  }
  context.counters.upstreamRequest('not-modified', task.target.upstream.name);
  // One that names more headers in Vary cannot tell which of the responses it confirms.
  const isSame =
    newlyVaries(arrival.head.headers, { told: toldApart(task), varies: task.varies }) === undefined;
  const { generation } = arrival;
  const { entryKey: key, sent } = task;
  // The endpoint spoke before the upstream confirmed what is stored, so that it speaks for that from now on.
  const told = flight.told ?? stored.told;
  const confirmed = { key, stored: { ...stored, told }, sent, generation, fresh: arrival.head };
  const manifest = isSame ? await publishRenewed({ ...confirmed, lease: lead?.lease }, context) : undefined;
  if (manifest !== undefined) {
    flight.settle({ kind: 'stored', outcome: 'revalidated', manifest });
    await lead?.recorder.settled('revalidated', manifest.responseTimeMs);
    return;
  }
  // The 304 speaks of another version, turns the response private, or what it confirms is lost: fetch it whole.
  const whole = await ask(task, { conditions: [], flight, context });
  await receive(task, { arrival: whole, stored, flight, context, lead });
}

/** What is stored and answers as it is. */
async function findFresh(
  { entryKey }: FetchTask,
  { manifests, clock }: EntryContext,
): Promise<Manifest | undefined> {
  const stored = await manifests.read(entryKey.text);
  return stored !== undefined && isFresh(stored, clock.now()) ? stored : undefined;
}

/** Parts of it are stored: asks for no more than the rest. @returns false where there are none, and nothing has been asked */
async function fetchRest(
  task: FetchTask,
  flight: Flight<FlightHead>,
  { context, lead }: FetchParts,
): Promise<boolean> {
  const completed = await completeEntry(task, {
    ask: async (conditions, kind) => await ask(task, { conditions, kind, flight, context }),
    context,
  });
  if (completed === undefined) return false;
  const { arrival, how, parts } = completed;
  // Of what was put together it is what was known before the parts were read.
  flight.captured = {
    generation: arrival.generation,
    atMs: flight.captured?.atMs ?? context.clock.now(),
  };
  await receive(task, { arrival, how, stored: undefined, flight, context, lead });
  await forgetParts(parts, { head: arrival.head, version: flight.version, context });
  return true;
}

/** A response whose head has come. */
interface Received {
  readonly arrival: FlightArrival;
  readonly stored: Manifest | undefined;
  /** What its answers are called; by default, whether it replaces what is stored. */
  readonly how?: Pick<ResponseArriving, 'outcome' | 'fwd' | 'fwdStatus'>;
  readonly flight: Flight<FlightHead>;
  readonly context: EntryContext;
  readonly lead?: FlightLead | undefined;
}

/** Passes a whole response on to all who wait, and publishes it. */
export async function receive(task: FetchTask, received: Received): Promise<void> {
  const { arrival, stored, flight, context, lead } = received;
  const { how = { outcome: stored === undefined ? 'miss' : 'refreshed' } } = received;
  const { response, head, generation } = arrival;
  const { closeDelimited } = task.target.upstream;
  const isOpen = sendsEverything(task);
  const given = {
    sent: task.sent,
    limits: context.limits,
    closeDelimited,
    isOpen,
    stands: standsIn(stored, context),
  };
  const { plan, refusal } = plannedFor(task, planResponse(head, response, given));
  // What an error says is not said of the response that comes after it, nor what is said to one caller's own headers of all others.
  const isTelling = plan === 'one-only' && !task.isPersonal && !isOpen && head.status < 400;
  if (isTelling) context.uncacheable.set(task.entryKey.text, refusal ?? true);
  flight.tags = entryTags(head.headers);
  const isShared = plan !== 'one-only' && task.isAlone !== true;
  const variant = foundVariant(task, head);
  const key = placeFlight(task, flight, { variant, isShared, context });
  const sink = plan === 'store' ? storedBodySink({ key, head, replaced: stored }, context) : undefined;
  const body = bodyOf(flight, { bodyBytes: response.bodyBytes, sink, context });
  flight.attach(body, isShared);
  const { outcome } = how;
  const arriving: ResponseArriving = {
    kind: 'arriving',
    ...how,
    outcome: plan === 'too-large' ? 'relay-too-large' : outcome,
    head,
    variant,
    body,
    isShared,
    isAlone: task.isAlone === true,
    refusal,
  };
  flight.settle(arriving);
  const tellEnd = tellResponse(arriving, { plan, isTelling, flight, generation, lead, context });
  await body.pump(response.body);
  // Readers elsewhere have all of it before it is published.
  const told = tellEnd();
  const enter = entering(task, { key, variant, head, generation, context });
  const replaced = key.text === task.entryKey.text ? stored : undefined;
  await publishEntry({ key, flight, head, body, enter, replaced, lease: lead?.lease }, context);
  await told;
}

/** What would be stored for all is only passed on where it was fetched for one caller alone. */
export function plannedFor({ isAlone }: FetchTask, planned: PlannedResponse): PlannedResponse {
  return isAlone === true && planned.plan === 'store' ? { plan: 'relay', refusal: 'wait-limited' } : planned;
}

/** The body of a flight, as it is about to come. */
export function bodyOf(
  flight: Flight<FlightHead>,
  {
    bodyBytes,
    sink,
    context,
  }: { bodyBytes: number | undefined; sink: PartitionSink | undefined; context: EntryContext },
): FlightBody {
  const key = flight.publishesAs.text;
  return new FlightBody({
    pool: context.pool,
    clock: context.clock,
    limits: context.limits,
    bodyBytes,
    sink,
    signal: flight.signal,
    onStoringEnded: (why, error) => {
      const what = why === 'store' ? 'storing-abandoned' : 'found-too-large';
      context.report(what, { key, error });
      flight.checkFollowers();
    },
    onLagged: () => context.report('reader-lagged', { key }),
    onLeft: () => flight.checkFollowers(),
  });
}

/** Writes down by what a response varies, before it is published. */
export function entering(
  task: FetchTask,
  found: {
    key: EntryKey;
    variant: ResponseArriving['variant'];
    head: JudgedHead;
    generation: Generation;
    context: EntryContext;
  },
): () => Promise<boolean> {
  const { key, variant, head, generation, context } = found;
  const names = variant?.names ?? task.varies;
  const { requestTimeMs } = head;
  return async () =>
    names.length === 0 || (await enterVariant(task.key, key, { names, requestTimeMs, generation, context }));
}

/** What the key tells apart: the headers in it, and credentials where it has their name. */
export function toldApart({ shared, sent, target }: FetchTask): HeaderList {
  if (target.upstream.policy.credentials !== 'keyed') return shared;
  return [...shared, ...sent.filter(([name]) => looksLikeCredential(name.toLowerCase()))];
}

/** What a response turns out to vary by beyond its key. */
export function foundVariant(task: FetchTask, { headers }: JudgedHead): ResponseArriving['variant'] {
  const names = newlyVaries(headers, { told: toldApart(task), varies: task.varies });
  return names && { names, values: variantValues(names, task.sent) };
}

/** Whether headers go upstream that the key does not know. */
export function sendsEverything({ target }: FetchTask): boolean {
  return target.upstream.forwardHeaders.includes('*');
}

/** Whether what is stored may go on answering while the upstream fails. */
function standsIn(stored: Manifest | undefined, { clock }: EntryContext): boolean {
  return stored !== undefined && entryServesOnError(stored, [], clock.now());
}
