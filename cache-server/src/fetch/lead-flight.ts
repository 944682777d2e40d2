/** A flight of a server that holds the lease: it asks the upstream, and tells those who follow. */
import type { EntryContext } from '../entry/entry-context.ts';
import { fetchEntry } from './fetch-entry.ts';
import type { FetchTask } from './fetch-task.ts';
import type { FlightHead } from './flight-head.ts';
import type { Flight } from '../flight/flight.ts';
import { FlightRecorder } from '../lease/flight-recorder.ts';
import { HeldLease } from '../lease/held-lease.ts';
import type { LeaseStore } from '../lease/lease-store.ts';

/** The lease, of which the flight gives up what it took. */
export interface TakenLease {
  readonly store: LeaseStore;
  readonly name: string;
  readonly token: string;
}

/** Runs a flight to its end, then gives the lease up. Rejects as `fetchEntry` does. */
export async function leadFlight(
  task: FetchTask,
  flight: Flight<FlightHead>,
  { lease: taken, context }: { lease: TakenLease; context: EntryContext },
): Promise<void> {
  const { clock, counters } = context;
  counters.flightRole('leader');
  const lease = new HeldLease({
    ...taken,
    clock,
    onLost: () => counters.flightRole('lease-lost'),
    onAway: () => counters.flightRole('control-away'),
  });
  const recorder = new FlightRecorder(lease, clock);
  try {
    await fetchEntry(task, flight, { context, lead: { lease, recorder } });
    await recorder.finish();
  } catch (error) {
    // Those who wait here are not kept waiting until it is told.
    void recorder.failed(error).then(async () => await lease.release());
    throw error;
  }
  await lease.release();
}
