/** The work of a flight, in order: look again, ask the upstream, judge what it says, pass it on, publish. */
import {
  conditionalHeaders,
  formatHttpDate,
  hasHeader,
  looksLikeCredential,
  variantValues,
} from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import { entryTags } from '@pannier/proto';
import type { Generation } from '@pannier/proto';
import { storedBodySink } from './body-sink.ts';
import type { EntryContext } from './entry-context.ts';
import { variantKey } from './entry-key.ts';
import type { EntryKey } from './entry-key.ts';
import { enterVariant, newlyVaries } from './entry-variants.ts';
import type { FlightHead, ResponseArriving } from './flight-head.ts';
import { FlightBody } from './flight/flight-body.ts';
import type { Flight } from './flight/flight.ts';
import { entryServesOnError, isFresh } from './freshness/entry-freshness.ts';
import type { JudgedHead } from './freshness/entry-freshness.ts';
import { planResponse } from './freshness/response-plan.ts';
import type { Manifest } from './manifest.ts';
import { publishEntry, publishRenewed } from './publish-entry.ts';
import type { LookupPlan } from './request-plan.ts';
import { fetchUpstream } from './upstream/fetch-upstream.ts';
import type { UpstreamTarget } from './upstream/upstream-registry.ts';
import type { UpstreamResponse } from './upstream/upstream-response.ts';

/**
 * - `any`        whatever may be answered now, also from the store
 * - `confirmed`  the upstream must have its say, be it a 304
 * - `whole`      what is stored is of no use: its partitions cannot be read
 */
export type FetchNeed = 'any' | 'confirmed' | 'whole';

/** What to fetch. */
export interface FetchTask extends LookupPlan {
  readonly need: FetchNeed;
  /** What the responses of the plan's key are known to vary by. */
  readonly varies: readonly string[];
  /** Where the response will be found: the plan's key, or that of a variant. */
  readonly entryKey: EntryKey;
}

/** A response and when it was asked for. */
interface Arrival {
  readonly response: UpstreamResponse;
  readonly head: JudgedHead;
}

/** Runs a flight to its end. Rejects when the upstream fails; a failing store only means that nothing is kept. */
export async function fetchEntry(
  task: FetchTask,
  flight: Flight<FlightHead>,
  context: EntryContext,
): Promise<void> {
  // Request A looks and finds nothing. Before A comes to join, flight F of the same key publishes and leaves the table, so A starts
  // this flight. Without a second look it would fetch what was stored a moment ago.
  const stored = task.need === 'whole' ? undefined : await context.manifests.read(task.entryKey.text);
  if (stored !== undefined && task.need === 'any' && isFresh(stored, context.clock.now())) {
    flight.settle({ kind: 'stored', outcome: 'hit', manifest: stored });
    return;
  }
  const conditions = stored === undefined ? [] : conditionalHeaders(stored.headers);
  const arrival = await ask(task, { conditions, flight, context });
  if (stored === undefined || arrival.response.status !== 304 || conditions.length === 0) {
    await receive(task, { arrival, stored, flight, context });
    return;
  }
  context.counters.upstreamRequest('not-modified', task.target.upstream.name);
  // One that names more headers in Vary cannot tell which of the responses it confirms.
  const isSame =
    newlyVaries(arrival.head.headers, { told: toldApart(task), varies: task.varies }) === undefined;
  const { generation } = arrival;
  const confirmed = { key: task.entryKey, stored, sent: task.sent, generation, fresh: arrival.head };
  const manifest = isSame ? await publishRenewed(confirmed, context) : undefined;
  if (manifest !== undefined) {
    flight.settle({ kind: 'stored', outcome: 'revalidated', manifest });
    return;
  }
  // The 304 speaks of another version, turns the response private, or what it confirms is lost: fetch it whole.
  const whole = await ask(task, { conditions: [], flight, context });
  await receive(task, { arrival: whole, stored, flight, context });
}

async function ask(
  { target, sent }: FetchTask,
  asking: { conditions: HeaderList; flight: Flight<FlightHead>; context: EntryContext },
): Promise<Arrival & { generation: Generation }> {
  const { conditions, flight, context } = asking;
  const kind = conditions.length > 0 ? 'conditional' : 'full';
  const headers = [...sent, ...conditions];
  // What is invalidated from here on may or may not be in the answer.
  const generation = await context.generations.capture();
  flight.captured = { generation, atMs: context.clock.now() };
  const arrival = await askUpstream({ target, headers, kind, signal: flight.signal }, context);
  return { ...arrival, generation };
}

/** Asks an upstream when it may be asked, and counts it. @throws CacheServerError `upstream-…` */
export async function askUpstream(
  asking: {
    method?: 'HEAD';
    target: UpstreamTarget;
    headers: HeaderList;
    kind?: 'conditional' | 'full';
    signal: AbortSignal;
  },
  { clock, counters, protection }: EntryContext,
): Promise<Arrival> {
  const { method = 'GET', target, headers, kind = 'full', signal } = asking;
  const { name, policy } = target.upstream;
  const attempt = async (own: AbortSignal): Promise<Arrival> => {
    const requestTimeMs = clock.now();
    counters.upstreamRequest(kind, name);
    try {
      const response = await fetchUpstream({ ...target, method, headers, signal: own });
      const responseTimeMs = clock.now();
      // https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1-8
      const dated: HeaderList = hasHeader(response.headers, 'date')
        ? response.headers
        : [...response.headers, ['date', formatHttpDate(responseTimeMs)]];
      const head = { status: response.status, headers: dated, requestTimeMs, responseTimeMs, policy };
      return { response, head };
    } catch (error) {
      counters.upstreamRequest('failed', name);
      throw error;
    }
  };
  const isPersonal = headers.some(([header]) => looksLikeCredential(header.toLowerCase()));
  return await protection.ask(target.upstream, { attempt, isPersonal, signal });
}

async function receive(
  task: FetchTask,
  received: {
    arrival: Arrival & { generation: Generation };
    stored: Manifest | undefined;
    flight: Flight<FlightHead>;
    context: EntryContext;
  },
): Promise<void> {
  const { arrival, stored, flight, context } = received;
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
  const plan = planResponse(head, response, given);
  // What an error says is not said of the response that comes after it, nor what is said to one caller's own headers of all others.
  const isTelling = plan === 'one-only' && !task.isPersonal && !isOpen && head.status < 400;
  if (isTelling) context.uncacheable.set(task.entryKey.text, true);
  flight.tags = entryTags(head.headers);
  const isShared = plan !== 'one-only';
  const variant = foundVariant(task, head);
  const key = isShared && variant !== undefined ? variantKey(task.key, variant.values) : task.entryKey;
  flight.publishesAs = key;
  if (isShared && variant !== undefined) {
    // Remembered at once, so that those it is not for ask anew in the right way.
    context.varyNames.set(task.key.text, variant.names);
    context.flights.joinAlsoBy(flight, key);
  }
  const body = new FlightBody({
    pool: context.pool,
    clock: context.clock,
    limits: context.limits,
    bodyBytes: response.bodyBytes,
    sink: plan === 'store' ? storedBodySink({ key, head, replaced: stored }, context) : undefined,
    signal: flight.signal,
    onStoringEnded: (why, error) => {
      const what = why === 'store' ? 'storing-abandoned' : 'found-too-large';
      context.report(what, { key: key.text, error });
      flight.checkFollowers();
    },
    onLagged: () => context.report('reader-lagged', { key: key.text }),
    onLeft: () => flight.checkFollowers(),
  });
  flight.attach(body, isShared);
  flight.settle({
    kind: 'arriving',
    outcome: plan === 'too-large' ? 'relay-too-large' : stored === undefined ? 'miss' : 'refreshed',
    head,
    variant,
    body,
    isShared,
  });
  await body.pump(counted(response.body, flight, context));
  const enter = async (): Promise<boolean> => {
    const names = variant?.names ?? task.varies;
    const { requestTimeMs } = head;
    const entering = { names, requestTimeMs, generation, context };
    return names.length === 0 || (await enterVariant(task.key, key, entering));
  };
  const replaced = key.text === task.entryKey.text ? stored : undefined;
  await publishEntry({ key, flight, head, body, enter, replaced }, context);
}

/** What the key tells apart: the headers in it, and credentials where it has their name. */
function toldApart({ shared, sent, target }: FetchTask): HeaderList {
  if (target.upstream.policy.credentials !== 'keyed') return shared;
  return [...shared, ...sent.filter(([name]) => looksLikeCredential(name.toLowerCase()))];
}

/** What a response turns out to vary by beyond its key. */
function foundVariant(task: FetchTask, { headers }: JudgedHead): ResponseArriving['variant'] {
  const names = newlyVaries(headers, { told: toldApart(task), varies: task.varies });
  return names && { names, values: variantValues(names, task.sent) };
}

/** Whether headers go upstream that the key does not know. */
function sendsEverything({ target }: FetchTask): boolean {
  return target.upstream.forwardHeaders.includes('*');
}

/** Whether what is stored may go on answering while the upstream fails. */
function standsIn(stored: Manifest | undefined, { clock }: EntryContext): boolean {
  return stored !== undefined && entryServesOnError(stored, [], clock.now());
}

async function* counted(
  source: AsyncIterable<Buffer>,
  flight: Flight<FlightHead>,
  { counters }: EntryContext,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of source) {
    counters.upstreamBytes(chunk.length);
    flight.arrived(chunk.length);
    yield chunk;
  }
}
