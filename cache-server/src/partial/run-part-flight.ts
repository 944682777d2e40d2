/**
 * Who asks the upstream for a part. Of all servers that want the same one, one takes the lease of that part and asks; the others wait until
 * it is in the store, where that will be soon, and otherwise ask for themselves. Nobody who holds this lease waits for another one: the
 * whole that is fetched behind a part is begun when it was given up.
 */
import type { EntryContext } from '../entry/entry-context.ts';
import type { FlightHead } from '../fetch/flight-head.ts';
import { readerOf, takeLease } from '../fetch/flight-lease.ts';
import type { ClusterContext, NamedLease } from '../fetch/flight-lease.ts';
import type { Flight } from '../flight/flight.ts';
import { failureOf } from '../lease/flight-record.ts';
import { fetchPart, findPart } from './fetch-part.ts';
import type { PartTask } from './fetch-part.ts';
import { leadPart } from './lead-part.ts';

type PartFlight = Flight<FlightHead>;

/** Servers that this one waits for, one after the other, should each of them go without a word. */
const AWAITED_MAX = 3;

/** Runs the flight to its end. @returns as `fetchPart`, and rejects as it does */
export async function runPartFlight(
  task: PartTask,
  flight: PartFlight,
  context: EntryContext,
): Promise<boolean> {
  const { leases } = context;
  // What is in the store would not do for who wants the upstream's word.
  const isForOne = task.isPersonal || task.isAlone === true;
  if (leases !== undefined && !isForOne && task.need === 'any') {
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
  const name = flight.key.text;
  for (let awaited = 0; awaited < AWAITED_MAX; awaited += 1) {
    flight.signal.throwIfAborted();
    const take = await takeLease(name, context);
    if (take === undefined) return 'alone';
    const lease = { name, token: take.token };
    if (take.kind === 'taken') return await leadPart(task, flight, { lease, context });
    const end = await awaitPart(task, flight, { lease, isAnswered: take.isAnswered, context });
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
  { lease, isAnswered, context }: { lease: NamedLease; isAnswered: boolean; context: ClusterContext },
): Promise<false | 'again' | 'alone'> {
  context.counters.flightRole('follower');
  const reader = readerOf(lease, flight.signal, context);
  flight.isFollowing = true;
  try {
    const { done, value } = await reader.records().next();
    if (done === true) return value === 'vacant' || value === 'taken' ? 'again' : 'alone';
    // It failed for those who waited; whoever has been told may try again.
    if (value.kind === 'failed' && !isAnswered) throw failureOf(value);
    if (value.kind !== 'settled') return 'alone';
  } finally {
    flight.isFollowing = false;
    reader.close();
  }
  // Judged here: what was invalidated meanwhile is not there.
  const { fresh } = await findPart(task, context);
  if (fresh === undefined) return 'alone';
  flight.settle({ kind: 'stored', outcome: 'hit', manifest: fresh, isFollowed: true });
  return false;
}
