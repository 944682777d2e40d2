/** The generations of a server, over the log that it is given; one that lives in the process by default. */
import type { Metrics } from '@pannier/runtime';
import type { Clock } from '../clock.ts';
import { Generations } from './generations.ts';
import type { InvalidationLog } from './invalidation-log.ts';
import { ProcessInvalidationLog } from './process-invalidation-log.ts';

/** Begins to follow the log. */
export function createGenerations(options: {
  readonly clock: Clock;
  /** Like Math.random. */
  readonly random: () => number;
  readonly log?: InvalidationLog | undefined;
  readonly onFailure?: (error: unknown) => void;
  /** Where the size of the log is told. */
  readonly metrics?: Pick<Metrics, 'gauge'>;
}): Generations {
  const { clock, random, log = new ProcessInvalidationLog({ clock, random }) } = options;
  if (options.metrics !== undefined) registerSize(options.metrics, log);
  return new Generations({ ...options, clock, log });
}

function registerSize({ gauge }: Pick<Metrics, 'gauge'>, log: InvalidationLog): void {
  gauge({
    name: 'invalidation_log_events',
    help: 'Events in the log of invalidations and publications, as this server saw it last.',
    read: () => log.size.events,
  });
  gauge({
    name: 'invalidation_log_bytes',
    help: 'Bytes of the events in the log of invalidations and publications, as this server saw it last.',
    read: () => log.size.bytes,
  });
}
