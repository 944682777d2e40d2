/** Asking an upstream: when it may be asked, counted, and on behalf of a flight or of one request. */
import { formatHttpDate, hasHeader, looksLikeCredential } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';
import type { EntryContext } from '../entry/entry-context.ts';
import type { FlightHead } from './flight-head.ts';
import type { Flight } from '../flight/flight.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import type { UpstreamRequestKind } from '../observe/server-counters.ts';
import type { LookupPlan } from '../entry/request-plan.ts';
import type { Look } from './stored-meanwhile.ts';
import { fetchUpstream } from '../upstream/fetch-upstream.ts';
import type { UpstreamTarget } from '../upstream/upstream-registry.ts';
import type { UpstreamResponse } from '../upstream/upstream-response.ts';

/** A response, and when it was asked for. */
export interface FlightArrival {
  readonly response: UpstreamResponse;
  readonly head: JudgedHead;
  /** What was known of invalidations before. */
  readonly generation: Generation;
}

/**
 * Asks for what is to be fetched.
 *
 * @param asking.conditions fields beyond those of the task
 * @param asking.known of invalidations, captured before that was read of which the conditions are made; by default, what is known now
 * @param asking.look once the turn has come, before each attempt; what it throws ends the request
 */
export async function ask(
  { target, sent }: Pick<LookupPlan, 'target' | 'sent'>,
  asking: {
    conditions: HeaderList;
    known?: Generation;
    kind?: UpstreamRequestKind;
    look?: Look | undefined;
    flight: Flight<FlightHead>;
    context: EntryContext;
  },
): Promise<FlightArrival> {
  const { conditions, look, flight, context } = asking;
  const { kind = conditions.length > 0 ? 'conditional' : 'full' } = asking;
  const headers = [...sent, ...conditions];
  // What is invalidated from here on may or may not be in the answer.
  const capturing = (generation: Generation): Generation => {
    flight.captured = { generation, atMs: context.clock.now() };
    return generation;
  };
  // However long a request waits for its turn, it knows nothing before it is sent. But a condition is made of what was stored before: what
  // is invalidated during the wait must not come back by a 304.
  const known =
    conditions.length > 0 ? capturing(asking.known ?? (await context.generations.capture())) : undefined;
  const capture = async (): Promise<Generation> => known ?? capturing(await context.generations.capture());
  const asked = { target, headers, kind, look, capture, signal: flight.signal };
  const { response, ...arrival } = await askUpstream(asked, context);
  return { ...arrival, response: { ...response, body: counted(response.body, flight, context) } };
}

/**
 * Asks an upstream when it may be asked, and counts it.
 *
 * @param asking.look once the turn has come, before each attempt; what it throws ends the request
 * @param asking.capture called before each attempt is sent; by default, what is known of invalidations then
 * @throws CacheServerError `upstream-…`
 */
export async function askUpstream(
  asking: {
    method?: 'HEAD';
    target: UpstreamTarget;
    headers: HeaderList;
    kind?: UpstreamRequestKind;
    look?: Look | undefined;
    capture?: () => Promise<Generation>;
    signal: AbortSignal;
  },
  { clock, counters, protection, generations }: EntryContext,
): Promise<FlightArrival> {
  const { method = 'GET', target, headers, kind = 'full', look, signal } = asking;
  const { capture = async () => await generations.capture() } = asking;
  const { name, policy } = target.upstream;
  const attempt = async (own: AbortSignal): Promise<FlightArrival> => {
    const generation = await capture();
    const requestTimeMs = clock.now();
    counters.upstreamRequest(kind, name);
    try {
      const response = await fetchUpstream({ ...target, method, headers, signal: own });
      const responseTimeMs = clock.now();
      counters.upstreamAnswered(target.upstream, response.status, responseTimeMs - requestTimeMs);
      // https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1-8
      const dated: HeaderList = hasHeader(response.headers, 'date')
        ? response.headers
        : [...response.headers, ['date', formatHttpDate(responseTimeMs)]];
      const head = { status: response.status, headers: dated, requestTimeMs, responseTimeMs, policy };
      return { response, head, generation };
    } catch (error) {
      counters.upstreamRequest('failed', name);
      counters.upstreamAnswered(target.upstream, undefined, clock.now() - requestTimeMs);
      throw error;
    }
  };
  const isPersonal = headers.some(([header]) => looksLikeCredential(header.toLowerCase()));
  return await protection.ask(target.upstream, { look, attempt, isPersonal, signal });
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
