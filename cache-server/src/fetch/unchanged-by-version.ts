/** A response that its upstream's version endpoint says has not changed: as if the upstream had answered 304. */
import { conditionalHeaders, formatHttpDate, looksLikeCredential } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';
import { askUpstream } from './ask-upstream.ts';
import type { FlightArrival } from './ask-upstream.ts';
import type { EntryContext } from '../entry/entry-context.ts';
import type { FlightHead } from './flight-head.ts';
import type { Flight } from '../flight/flight.ts';
import { awaitsNewDate } from '../freshness/entry-freshness.ts';
import type { Manifest } from '../entry/manifest.ts';
import type { LookupPlan } from '../entry/request-plan.ts';
import type { AskVersion } from './version-endpoints.ts';

/**
 * Asks the endpoint that speaks for the response, if there is one, before the response itself is asked for by its validators or fetched. What
 * it says is kept with whatever is confirmed or fetched now, so that the next look may be enough: it was said before, so that it never
 * speaks for something newer.
 *
 * @param asking.known of invalidations, captured before the stored response was read
 * @returns undefined when the response itself is to be asked for
 */
export async function unchangedByVersion(
  task: Pick<LookupPlan, 'target' | 'sent'>,
  asking: {
    stored: Manifest | undefined;
    known: Generation;
    flight: Flight<FlightHead>;
    context: EntryContext;
  },
): Promise<FlightArrival | undefined> {
  const { stored, known: generation, flight, context } = asking;
  const { clock, versionEndpoints } = context;
  const requestTimeMs = clock.now();
  if (stored === undefined || !mayConfirm(task, stored, requestTimeMs)) return undefined;
  const { target } = task;
  flight.captured = { generation, atMs: requestTimeMs };
  const ask: AskVersion = async (to, signal) =>
    (await askUpstream({ target: to, headers: [], kind: 'conditional', signal }, context)).response;
  const { signal } = flight;
  flight.told = await versionEndpoints.told(target, { generation, now: requestTimeMs, ask, signal });
  if (flight.told === undefined || flight.told !== stored.told) return undefined;
  const responseTimeMs = clock.now();
  const headers: HeaderList = [['date', formatHttpDate(responseTimeMs)]];
  const { policy } = target.upstream;
  const head = { status: 304, headers, requestTimeMs, responseTimeMs, policy };
  const response = { status: 304, headers, framing: 'none', bodyBytes: 0, body: NO_BYTES } as const;
  return { response: { ...response, over: Promise.resolve() }, head, generation };
}

/** What an endpoint cannot know: who may have a response, whether an error is over, and until which date a new answer would be fresh. */
function mayConfirm(
  { target, sent }: Pick<LookupPlan, 'target' | 'sent'>,
  stored: Manifest,
  now: number,
): boolean {
  const { versionEndpoints, policy } = target.upstream;
  if (versionEndpoints.length === 0 || stored.status >= 400) return false;
  // What was stored of a request with credentials may be for others, but only while the upstream allows it anew (RFC 9111 section 3.5).
  if (policy.credentials === 'rfc') return false;
  if (policy.credentials === 'keyed' && sent.some(([name]) => looksLikeCredential(name.toLowerCase())))
    return false;
  return !(awaitsNewDate(stored, now) && conditionalHeaders(stored.headers).length > 0);
}

const NO_BYTES: AsyncIterable<Buffer> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};
