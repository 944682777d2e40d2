/** A response without validators that its upstream's version endpoint says has not changed: as if the upstream had answered 304. */
import { formatHttpDate } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import { askUpstream } from './ask-upstream.ts';
import type { FlightArrival } from './ask-upstream.ts';
import type { EntryContext } from '../entry/entry-context.ts';
import type { FlightHead } from './flight-head.ts';
import type { Flight } from '../flight/flight.ts';
import type { Manifest } from '../entry/manifest.ts';
import type { LookupPlan } from '../entry/request-plan.ts';
import type { AskVersion } from './version-endpoints.ts';

/**
 * Asks the endpoint that speaks for the response, if there is one. What it says is kept with whatever is fetched now, so that the next look
 * may be enough: it was said before, so that it never speaks for something newer than what is fetched.
 *
 * @returns undefined when the response is to be fetched
 */
export async function unchangedByVersion(
  { target }: Pick<LookupPlan, 'target'>,
  asking: {
    stored: Manifest | undefined;
    conditions: HeaderList;
    flight: Flight<FlightHead>;
    context: EntryContext;
  },
): Promise<FlightArrival | undefined> {
  const { stored, conditions, flight, context } = asking;
  const { upstream } = target;
  if (stored === undefined || conditions.length > 0 || upstream.versionEndpoints.length === 0)
    return undefined;
  const { clock, generations, versionEndpoints } = context;
  const generation = await generations.capture();
  const requestTimeMs = clock.now();
  flight.captured = { generation, atMs: requestTimeMs };
  const ask: AskVersion = async (to, signal) =>
    (await askUpstream({ target: to, headers: [], kind: 'conditional', signal }, context)).response;
  flight.told = await versionEndpoints.told(target, { generation, ask, signal: flight.signal });
  if (flight.told === undefined || flight.told !== stored.told) return undefined;
  const responseTimeMs = clock.now();
  const headers: HeaderList = [['date', formatHttpDate(responseTimeMs)]];
  const head = { status: 304, headers, requestTimeMs, responseTimeMs, policy: upstream.policy };
  const response = { status: 304, headers, framing: 'none', bodyBytes: 0, body: NO_BYTES } as const;
  return { response: { ...response, over: Promise.resolve() }, head, generation };
}

const NO_BYTES: AsyncIterable<Buffer> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};
