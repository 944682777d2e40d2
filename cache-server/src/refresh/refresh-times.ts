/** When a response is due to be fetched by the clock. Every server of a cluster comes to the same times. */
import { Cron } from 'croner';

/** A rule of the configuration; durations in milliseconds, exactly one of `every` and `cron`. */
export interface RefreshRule {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly every?: number | undefined;
  readonly cron?: string | undefined;
  readonly timeZone: string;
  readonly jitter: number;
}

/** The first time after `now` at which a rule is due; undefined when it never is again. */
export type NextDue = (now: number) => number | undefined;

/** @throws when the pattern or the time zone of a rule is none */
export function refreshTimes({ every, cron, timeZone }: RefreshRule): NextDue {
  // Counted from 1970, so that servers that were started at different times agree.
  if (every !== undefined) return (now) => (Math.floor(now / every) + 1) * every;
  const pattern = new Cron(cron ?? '', { timezone: timeZone, paused: true });
  pattern.nextRun(new Date(0));
  return (now) => pattern.nextRun(new Date(now))?.getTime();
}
