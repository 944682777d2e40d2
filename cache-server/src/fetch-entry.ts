/** The work of a flight, in order: look again, ask the upstream, judge what it says, pass it on, publish. */
import { conditionalHeaders, formatHttpDate, hasHeader } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import { storedBodySink } from './body-sink.ts';
import type { EntryContext } from './entry-context.ts';
import type { FlightHead } from './flight-head.ts';
import { FlightBody } from './flight/flight-body.ts';
import type { Flight } from './flight/flight.ts';
import { entryState } from './freshness/entry-freshness.ts';
import type { JudgedHead } from './freshness/entry-freshness.ts';
import { planResponse } from './freshness/response-plan.ts';
import type { Manifest } from './manifest.ts';
import { publishEntry, publishRenewed } from './publish-entry.ts';
import type { LookupPlan } from './request-plan.ts';
import { fetchUpstream } from './upstream/fetch-upstream.ts';
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
  const stored = task.need === 'whole' ? undefined : await context.manifests.read(task.key.text);
  if (
    stored !== undefined &&
    task.need === 'any' &&
    entryState(stored, [], context.clock.now()) === 'fresh'
  ) {
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
  const manifest = await publishRenewed({ key: task.key, stored, fresh: arrival.head }, context);
  if (manifest !== undefined) {
    flight.settle({ kind: 'stored', outcome: 'revalidated', manifest });
    return;
  }
  // The 304 speaks of another version, turns the response private, or what it confirms is lost: fetch it whole.
  const whole = await ask(task, { conditions: [], flight, context });
  await receive(task, { arrival: whole, stored, flight, context });
}

async function ask(
  { target, shared }: FetchTask,
  asking: { conditions: HeaderList; flight: Flight<FlightHead>; context: EntryContext },
): Promise<Arrival> {
  const { conditions, flight, context } = asking;
  const { clock, counters } = context;
  const requestTimeMs = clock.now();
  counters.upstreamRequest(conditions.length > 0 ? 'conditional' : 'full', target.upstream.name);
  const headers = [...shared, ...conditions];
  try {
    const response = await fetchUpstream({ ...target, headers, signal: flight.signal });
    const responseTimeMs = clock.now();
    // https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1-8
    const dated: HeaderList = hasHeader(response.headers, 'date')
      ? response.headers
      : [...response.headers, ['date', formatHttpDate(responseTimeMs)]];
    const { defaultLifetimeS } = target.upstream;
    const head = { status: response.status, headers: dated, requestTimeMs, responseTimeMs, defaultLifetimeS };
    return { response, head };
  } catch (error) {
    counters.upstreamRequest('failed', target.upstream.name);
    throw error;
  }
}

async function receive(
  task: FetchTask,
  received: {
    arrival: Arrival;
    stored: Manifest | undefined;
    flight: Flight<FlightHead>;
    context: EntryContext;
  },
): Promise<void> {
  const { arrival, stored, flight, context } = received;
  const { response, head } = arrival;
  const plan = planResponse(head, response, { shared: task.shared, limits: context.limits });
  if (plan === 'one-only') context.uncacheable.set(task.key.text, true);
  const body = new FlightBody({
    pool: context.pool,
    clock: context.clock,
    limits: context.limits,
    bodyBytes: response.bodyBytes,
    sink: plan === 'store' ? storedBodySink({ key: task.key, head, replaced: stored }, context) : undefined,
    signal: flight.signal,
    onStoringEnded: (why, error) => {
      const what = why === 'store' ? 'storing-abandoned' : 'found-too-large';
      context.report(what, { key: task.key.text, error });
      flight.checkFollowers();
    },
    onLagged: () => context.report('reader-lagged', { key: task.key.text }),
    onLeft: () => flight.checkFollowers(),
  });
  let claims = 0;
  flight.attach(body, plan !== 'one-only');
  flight.settle({
    kind: 'arriving',
    outcome: plan === 'too-large' ? 'relay-too-large' : stored === undefined ? 'miss' : 'refreshed',
    head,
    body,
    claim: () => plan !== 'one-only' || ++claims === 1,
  });
  await body.pump(counted(response.body, flight, context));
  await publishEntry({ key: task.key, flight, head, body }, context);
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
