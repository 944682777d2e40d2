/** What a schedule is played on: a time, and what all replicas share. */
import type { InvalidationLog } from '../../cache-server/src/generation/invalidation-log.ts';
import type { LeaseStore } from '../../cache-server/src/lease/lease-store.ts';
import type { EntryStore } from '../../cache-server/src/store/entry-store.ts';
import type { Random } from './random.ts';
import { SimulatedLeases } from './simulated-leases.ts';
import { SimulatedLog } from './simulated-log.ts';
import { SimulatedEntryStore } from './simulated-redis.ts';
import { SimulatedTime } from './simulated-time.ts';
import type { Timeline } from './simulated-time.ts';

/** See the head of this file. */
export interface Stage {
  readonly time: Timeline;
  readonly store: EntryStore;
  readonly log: InvalidationLog;
  readonly leases: LeaseStore;
  /** Keeps what is there now, for a failover to somebody who knows no more; undefined where there is none. */
  readonly keep?: () => () => void;
  /** Tells of every manifest that is written, where that can be seen. */
  readonly watchWrites?: (listener: (key: string, bytes: Buffer) => void) => void;
  /** Frees what is held outside of the schedule. */
  close(): Promise<void>;
}

/**
 * What is done to a Redis of the simulation so that a rule no longer holds: a simulation that notices none of these proves nothing.
 *
 * - `deaf-log`       invalidations are acknowledged and never heard of
 * - `two-leaders`    a lease is given to everybody
 */
export type Sabotage = 'deaf-log' | 'two-leaders';

/** Simulated from end to end. */
export function simulatedStage(random: Random, sabotage?: Sabotage): Stage {
  const time = new SimulatedTime();
  const store = new SimulatedEntryStore(time);
  const log = new SimulatedLog({ time, random, isDeaf: sabotage === 'deaf-log' });
  const leases = new SimulatedLeases(time, random, sabotage === 'two-leaders');
  return {
    time,
    store,
    log,
    leases,
    keep() {
      const kept = [store.snapshot(), log.keep(), leases.keep()];
      return () => {
        for (const restore of kept) restore();
      };
    },
    watchWrites: (listener) => (store.onWritten = listener),
    close: async () => {
      await store.close();
      await log.close();
    },
  };
}
