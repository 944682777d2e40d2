/** The generations of a server, over the log that it is given; one that lives in the process by default. */
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
}): Generations {
  const { clock, random, log = new ProcessInvalidationLog({ clock, random }) } = options;
  return new Generations({ ...options, clock, log });
}
