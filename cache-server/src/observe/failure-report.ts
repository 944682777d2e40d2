/** Tells of failures that no caller is told of: every one is counted, some are logged. */
import type { Logger } from '@pannier/runtime';
import type { Clock } from '../clock.ts';
import type { Failure, ServerCounters } from './server-counters.ts';

/** Counts a failure, and logs it unless its kind was logged a moment ago; `reason`: which of those that its kind can have. */
export type ReportFailure = (
  what: Failure,
  details?: { key?: string; reason?: string; error?: unknown },
) => void;

/** A dead store fails thousands of times a second; one line in this many milliseconds says as much. */
const QUIET_MS = 10_000;

/** Makes the report of one server. */
export function createFailureReport(parts: {
  readonly counters: ServerCounters;
  readonly logger: Pick<Logger, 'warn'>;
  readonly clock: Clock;
}): ReportFailure {
  const loggedAtMs = new Map<Failure, number>();
  return (what, { key, reason, error } = {}) => {
    parts.counters.failure(what);
    const now = parts.clock.now();
    if (now - (loggedAtMs.get(what) ?? -Infinity) < QUIET_MS) return;
    loggedAtMs.set(what, now);
    parts.logger.warn({ what, key, reason, err: error }, `${what}: repeated within 10 s is only counted`);
  };
}
