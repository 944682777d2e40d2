/** A flight that brings a part for all servers: it asks the upstream, and tells the others to look into the store, or not to wait for that. */
import { headOfWhole } from '@pannier/http-semantics';
import type { Clock } from '../clock.ts';
import type { FlightHead } from '../fetch/flight-head.ts';
import { workUnder } from '../fetch/flight-lease.ts';
import type { ClusterContext, FlightLead, NamedLease } from '../fetch/flight-lease.ts';
import type { Flight } from '../flight/flight.ts';
import { isFresh } from '../freshness/entry-freshness.ts';
import type { FlightRecorder } from '../lease/flight-recorder.ts';
import { fetchPart } from './fetch-part.ts';
import type { PartTask } from './fetch-part.ts';

/**
 * The others read a part from the store, so that its first byte waits there for its last one. For no more bytes than these, and no longer
 * than so behind the head, in milliseconds: what is larger or slower reaches their clients sooner when they ask for themselves. How long
 * the head takes does not matter: it would take that long for them, too.
 */
export const AWAITED_BYTES_MAX = 8 * 1024 * 1024;
const AWAITED_MS_MAX = 2000;

/**
 * Runs a flight to its end, then gives the lease up. Where that is lost, what it brings is stored all the same, among the other parts: of
 * two, the one that was asked for later stays.
 *
 * @returns as `fetchPart`, and rejects as it does
 */
export async function leadPart(
  task: PartTask,
  flight: Flight<FlightHead>,
  { lease, context }: { lease: NamedLease; context: ClusterContext },
): Promise<boolean> {
  const { clock } = context;
  const work = async ({ recorder }: FlightLead): Promise<boolean> => {
    const stopWatching = releaseOthers(flight, recorder, clock);
    try {
      const isWholeWanted = await fetchPart(task, flight, context);
      await recorder.settled('hit', clock.now());
      return isWholeWanted;
    } finally {
      stopWatching();
    }
  };
  return await workUnder(lease, work, context);
}

/** Once the head is there, tells the others to ask for themselves: at once, or when it has taken too long. @returns ends the watch */
function releaseOthers(flight: Flight<FlightHead>, recorder: FlightRecorder, clock: Clock): () => void {
  let stop = (): void => undefined;
  const release = (): void => void recorder.released('alone');
  const onHead = (head: FlightHead): void => {
    if (isWorthWaitingFor(head, clock.now())) stop = clock.after(AWAITED_MS_MAX, release);
    else release();
  };
  // Of a flight without one all are told why.
  flight.head(flight.signal).then(onHead, () => undefined);
  return () => stop();
}

/** Whether what comes will answer other servers from the store, and soon. */
function isWorthWaitingFor(head: FlightHead, now: number): boolean {
  if (head.kind === 'stored' || head.kind === 'released') return head.kind === 'stored';
  const { body, variant } = head;
  const ofWhole = head.kind === 'part' ? headOfWhole(head.head) : head.head;
  const isShort = (body.bodyBytes ?? 0) <= AWAITED_BYTES_MAX;
  // They look under the key that they know.
  return body.storing && isShort && variant === undefined && isFresh(ofWhole, now);
}
