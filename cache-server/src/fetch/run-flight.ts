/**
 * Who asks the upstream for a flight. Of all servers that want the same, one takes the lease and leads; the others follow what it tells, and one of
 * them takes over when it falls silent. Where nobody can agree, because control is away, each server leads for itself.
 */
import type { EntryContext } from '../entry/entry-context.ts';
import { fetchEntry } from './fetch-entry.ts';
import type { FetchTask } from './fetch-task.ts';
import type { FlightHead } from './flight-head.ts';
import { takeLease } from './flight-lease.ts';
import type { ClusterContext } from './flight-lease.ts';
import type { Flight } from '../flight/flight.ts';
import { followFlight } from './follow-flight.ts';
import { leadFlight } from './lead-flight.ts';

/** Flights that may be refused, because what they bring is too old for whoever asks now, before a server asks for itself. */
const REFUSALS_MAX = 3;

/** Runs a flight to its end. Rejects when the upstream fails; a failing store only means that nothing is kept. */
export async function runFlight(
  task: FetchTask,
  flight: Flight<FlightHead>,
  context: EntryContext,
): Promise<void> {
  const { leases } = context;
  // What comes back for somebody's credentials is of no use to other servers.
  if (leases !== undefined && !task.isPersonal && task.isAlone !== true) {
    const isDone = await runAmongOthers(task, flight, { ...context, leases });
    if (isDone) return;
  }
  await fetchEntry(task, flight, { context });
}

/** @returns false when nobody can agree */
async function runAmongOthers(
  task: FetchTask,
  flight: Flight<FlightHead>,
  context: ClusterContext,
): Promise<boolean> {
  const { text } = task.entryKey;
  const askedAtMs = context.clock.now();
  let name = text;
  for (let refusals = 0; refusals <= REFUSALS_MAX;) {
    flight.signal.throwIfAborted();
    const take = await takeLease(name, context);
    if (take === undefined) return false;
    const { token } = take;
    if (take.kind === 'taken') {
      await leadFlight(task, flight, { lease: { name, token }, context });
      return true;
    }
    const followed = { name, token, isAnswered: take.isAnswered, askedAtMs };
    const end = await followFlight(task, flight, { followed, context });
    if (end === 'done') return true;
    if (end === 'alone') break;
    if (end !== 'refused') continue;
    // All who refuse the same flight agree on who asks after it.
    name = `${text}\n${token}`;
    refusals += 1;
  }
  return await leadForItself(task, flight, context);
}

/**
 * Asks for this server alone, by a lease that nobody else wants: its token says which of two responses was asked for later also where the clocks
 * of two servers do not. @returns false when control is away
 */
async function leadForItself(
  task: FetchTask,
  flight: Flight<FlightHead>,
  context: ClusterContext,
): Promise<boolean> {
  const name = `${task.entryKey.text}\n${flight.version}`;
  const take = await takeLease(name, context);
  if (take?.kind !== 'taken') return false;
  await leadFlight(task, flight, { lease: { name, token: take.token }, context });
  return true;
}
