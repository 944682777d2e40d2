/** Telling the other servers what comes, if it is for them, too. */
import type { Generation } from '@pannier/proto/generation';
import type { EntryContext } from '../entry/entry-context.ts';
import type { FlightHead, ResponseArriving } from './flight-head.ts';
import type { FlightLead } from './flight-lease.ts';
import type { Flight } from '../flight/flight.ts';
import type { ResponsePlan } from '../freshness/response-plan.ts';
import { RELAYED_BYTES_MAX } from '../lease/flight-recorder.ts';

/** A response, and what was decided about it. */
interface ToldResponse {
  readonly plan: ResponsePlan;
  /** Whether the next response will be for one caller, too. */
  readonly isTelling: boolean;
  readonly flight: Flight<FlightHead>;
  readonly generation: Generation;
  readonly lead: FlightLead | undefined;
  readonly context: EntryContext;
}

/** Begins to tell; nothing waits for it. @returns waits until all has been told, once the body is whole */
export function tellResponse(
  { outcome, head, variant, body, isShared }: ResponseArriving,
  { plan, isTelling, flight, generation, lead, context }: ToldResponse,
): () => Promise<void> {
  if (lead === undefined) return async () => undefined;
  const { recorder } = lead;
  const isShort = body.bodyBytes === undefined ? head.status >= 400 : body.bodyBytes <= RELAYED_BYTES_MAX;
  if (plan !== 'store' && !(plan === 'relay' && isShort)) {
    const told = recorder.released(isShared ? 'alone' : 'uncacheable', isTelling);
    return async () => await told;
  }
  const { status, headers, requestTimeMs, responseTimeMs } = head;
  recorder.begin(
    {
      kind: 'head',
      status,
      headers,
      requestTimeMs,
      responseTimeMs,
      variant,
      generation,
      version: flight.version,
      outcome: outcome === 'refreshed' ? 'refreshed' : 'miss',
      bodyBytes: body.bodyBytes,
      partitionBytes: context.limits.partitionBytes,
      isStored: plan === 'store',
    },
    body,
  );
  return async () => await recorder.finish();
}
