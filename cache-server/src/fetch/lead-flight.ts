/** A flight of a server that holds the lease: it asks the upstream, and tells those who follow. */
import { fetchEntry } from './fetch-entry.ts';
import type { FetchTask } from './fetch-task.ts';
import type { FlightHead } from './flight-head.ts';
import { workUnder } from './flight-lease.ts';
import type { ClusterContext, FlightLead, NamedLease } from './flight-lease.ts';
import type { Flight } from '../flight/flight.ts';

/** Runs a flight to its end, then gives the lease up. Rejects as `fetchEntry` does. */
export async function leadFlight(
  task: FetchTask,
  flight: Flight<FlightHead>,
  { lease, context }: { lease: NamedLease; context: ClusterContext },
): Promise<void> {
  const work = async (lead: FlightLead): Promise<void> => {
    await fetchEntry(task, flight, { context, lead });
    await lead.recorder.finish();
  };
  await workUnder(lease, work, context);
}
