/** Asking an upstream: when it may be asked, counted, and on behalf of a flight or of one request. */
import { formatHttpDate, hasHeader, looksLikeCredential } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';
import type { EntryContext } from './entry-context.ts';
import type { FlightHead } from './flight-head.ts';
import type { Flight } from './flight/flight.ts';
import type { JudgedHead } from './freshness/entry-freshness.ts';
import type { UpstreamRequestKind } from './observe/server-counters.ts';
import type { LookupPlan } from './request-plan.ts';
import { fetchUpstream } from './upstream/fetch-upstream.ts';
import type { UpstreamTarget } from './upstream/upstream-registry.ts';
import type { UpstreamResponse } from './upstream/upstream-response.ts';

/** A response and when it was asked for. */
interface Arrival {
  readonly response: UpstreamResponse;
  readonly head: JudgedHead;
}

/** And what was known of invalidations before. */
export interface FlightArrival extends Arrival {
  readonly generation: Generation;
}

/**
 * Asks for what is to be fetched.
 *
 * @param asking.conditions fields beyond those of the task
 */
export async function ask(
  { target, sent }: Pick<LookupPlan, 'target' | 'sent'>,
  asking: {
    conditions: HeaderList;
    kind?: UpstreamRequestKind;
    flight: Flight<FlightHead>;
    context: EntryContext;
  },
): Promise<FlightArrival> {
  const { conditions, flight, context } = asking;
  const { kind = conditions.length > 0 ? 'conditional' : 'full' } = asking;
  const headers = [...sent, ...conditions];
  // What is invalidated from here on may or may not be in the answer.
  const generation = await context.generations.capture();
  flight.captured = { generation, atMs: context.clock.now() };
  const { response, head } = await askUpstream({ target, headers, kind, signal: flight.signal }, context);
  return { response: { ...response, body: counted(response.body, flight, context) }, head, generation };
}

/** Asks an upstream when it may be asked, and counts it. @throws CacheServerError `upstream-…` */
export async function askUpstream(
  asking: {
    method?: 'HEAD';
    target: UpstreamTarget;
    headers: HeaderList;
    kind?: UpstreamRequestKind;
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
