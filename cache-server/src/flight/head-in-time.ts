/** The head of a flight, for a request that does not wait for it for ever. */
import type { Clock } from '../clock.ts';
import type { Seat } from './flight-table.ts';
import { waitLimited } from './wait-limit.ts';

/** How often it is looked past the deadline whether an own flight has come to wait for another server, in milliseconds. */
const LOOK_EVERY_MS = 250;

/** How long is waited. */
export interface Wait {
  /** When the request came, in milliseconds. */
  readonly sinceMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly limits: { readonly waitDeadlineMs: number };
}

/**
 * Waits for the head as long as `limits.waitDeadlineMs` allows. Whose own flight asks the upstream waits for that, not for others: its upstream's
 * timeouts are what ends it.
 *
 * @throws CacheServerError `wait-limited`; what ended the flight; the signal's reason
 */
export async function headInTime<H>(seat: Seat<H>, { sinceMs, signal, clock, limits }: Wait): Promise<H> {
  const { waitDeadlineMs } = limits;
  if (waitDeadlineMs === 0) return await seat.head(signal);
  const late = new AbortController();
  const look = (): void => {
    // It may come to follow another server yet, as when that took the lease over.
    if (seat.isFirst && !seat.flight.isFollowing) cancel = clock.after(LOOK_EVERY_MS, look);
    else late.abort(waitLimited(`no head of a response within limits.waitDeadlineMs ${waitDeadlineMs}`));
  };
  let cancel = clock.after(Math.max(0, sinceMs + waitDeadlineMs - clock.now()), look);
  try {
    return await seat.head(AbortSignal.any([signal, late.signal]));
  } finally {
    cancel();
  }
}
