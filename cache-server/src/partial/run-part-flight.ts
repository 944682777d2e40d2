/**
 * Who asks the upstream for a part. Of all servers that want the same one, one takes the lease of that part and asks; the others wait until
 * it is in the store, where that will be soon, and otherwise ask for themselves. Nobody who holds this lease waits for another one: the
 * whole that is fetched behind a part is begun when it was given up.
 */
import type { EntryContext } from '../entry/entry-context.ts';
import type { FlightHead } from '../fetch/flight-head.ts';
import type { Flight } from '../flight/flight.ts';
import { failureOf } from '../lease/flight-record.ts';
import type { LeaseStore } from '../lease/lease-store.ts';
import { RecordReader } from '../lease/record-reader.ts';
import { fetchPart, findPart } from './fetch-part.ts';
import type { PartTask } from './fetch-part.ts';
import { leadPart } from './lead-part.ts';

type PartFlight = Flight<FlightHead>;
type ClusterContext = EntryContext & { readonly leases: LeaseStore };

/** Servers that may go without a word, one after the other, before this one waits for no other. */
const LOSSES_MAX = 2;

/** Runs the flight to its end. @returns as `fetchPart`, and rejects as it does */
export async function runPartFlight(
  task: PartTask,
  flight: PartFlight,
  context: EntryContext,
): Promise<boolean> {
  const { leases } = context;
  // What is in the store would not do for who wants the upstream's word.
  if (leases !== undefined && !task.isPersonal && task.need === 'any') {
    const end = await runAmongOthers(task, flight, { ...context, leases });
    if (end !== 'alone') return end;
  }
  return await fetchPart(task, flight, context);
}

async function runAmongOthers(
  task: PartTask,
  flight: PartFlight,
  context: ClusterContext,
): Promise<boolean | 'alone'> {
  const { leases: store, counters } = context;
  const name = flight.key.text;
  for (let losses = 0; losses <= LOSSES_MAX; losses += 1) {
    flight.signal.throwIfAborted();
    const take = await store.take(name).catch(() => undefined);
    if (take === undefined) {
      // Nobody can agree on who asks.
      counters.flightRole('control-away');
      return 'alone';
    }
    const { token } = take;
    if (take.kind === 'taken')
      return await leadPart(task, flight, { lease: { store, name, token }, context });
    const end = await awaitPart(task, flight, { name, token, context });
    if (end !== 'again') return end;
  }
  return 'alone';
}

/**
 * Waits for the one word that whoever asks has for the others.
 *
 * @returns false when those who wait here have their answer; `again` when whoever asked has gone without a word, so that another one does
 */
async function awaitPart(
  task: PartTask,
  flight: PartFlight,
  { context, ...awaited }: { name: string; token: string; context: ClusterContext },
): Promise<false | 'again' | 'alone'> {
  const { leases: store, clock, counters } = context;
  const { signal } = flight;
  counters.flightRole('follower');
  const onAway = (): void => counters.flightRole('control-away');
  const reader = new RecordReader({ ...awaited, store, clock, signal, onAway });
  try {
    const { done, value } = await reader.records().next();
    if (done === true) return value === 'vacant' || value === 'taken' ? 'again' : 'alone';
    if (value.kind === 'failed') throw failureOf(value);
    if (value.kind !== 'settled') return 'alone';
  } finally {
    reader.close();
  }
  // Judged here: what was invalidated meanwhile is not there.
  const { fresh } = await findPart(task, context);
  if (fresh === undefined) return 'alone';
  flight.settle({ kind: 'stored', outcome: 'hit', manifest: fresh, isFollowed: true });
  return false;
}
