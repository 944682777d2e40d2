/** The lease of a flight: of all servers that want the same, one takes it and works under it; the others read what that one tells. */
import type { EntryContext } from '../entry/entry-context.ts';
import { FlightRecorder } from '../lease/flight-recorder.ts';
import { HeldLease } from '../lease/held-lease.ts';
import type { LeaseStore, LeaseTake } from '../lease/lease-store.ts';
import { RecordReader } from '../lease/record-reader.ts';

/** The context of a server that is not alone. */
export type ClusterContext = EntryContext & { readonly leases: LeaseStore };

/** A lease, and by which token somebody holds it. */
export interface NamedLease {
  readonly name: string;
  readonly token: string;
}

/** What holds the right to ask for all servers, and tells the others. */
export interface FlightLead {
  readonly lease: HeldLease;
  readonly recorder: FlightRecorder;
}

/** Takes a lease, unless another server holds it. @returns undefined when nobody can tell, because control is away */
export async function takeLease(
  name: string,
  { leases, counters }: ClusterContext,
): Promise<LeaseTake | undefined> {
  try {
    return await leases.take(name);
  } catch {
    // The connection tells of its errors; here it only matters that nobody agrees.
    counters.flightRole('control-away');
    return undefined;
  }
}

/** Works under a lease that this server has taken, then gives it up. Rejects as the work does, of which the others are told. */
export async function workUnder<T>(
  taken: NamedLease,
  work: (lead: FlightLead) => Promise<T>,
  { leases, clock, counters }: ClusterContext,
): Promise<T> {
  counters.flightRole('leader');
  const lease = new HeldLease({
    ...taken,
    store: leases,
    clock,
    onLost: () => counters.flightRole('lease-lost'),
    onAway: () => counters.flightRole('control-away'),
  });
  const recorder = new FlightRecorder(lease, clock);
  try {
    const made = await work({ lease, recorder });
    await lease.release();
    return made;
  } catch (error) {
    // Those who wait here are not kept waiting until it is told.
    void recorder.failed(error).then(async () => await lease.release());
    throw error;
  }
}

/** Reads what is told under a lease that another server holds; whoever reads closes it. */
export function readerOf(
  { name, token }: NamedLease,
  signal: AbortSignal,
  { leases, clock, counters }: ClusterContext,
): RecordReader {
  const onAway = (): void => counters.flightRole('control-away');
  return new RecordReader({ store: leases, clock, name, token, signal, onAway });
}
