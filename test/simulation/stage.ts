/** What a schedule is played on: a time, and what all replicas share. */
import type { InvalidationLog } from '../../cache-server/src/generation/invalidation-log.ts';
import type { LeaseStore } from '../../cache-server/src/lease/lease-store.ts';
import type { EntryStore } from '../../cache-server/src/store/entry-store.ts';
import type { Random } from './random.ts';
import { SimulatedLeases } from './simulated-leases.ts';
import { SimulatedLog } from './simulated-log.ts';
import type { Sabotage } from './sabotage.ts';
import { SimulatedEntryStore } from './simulated-redis.ts';
import { SimulatedTime } from './simulated-time.ts';
import type { Timeline } from './simulated-time.ts';

/** A failover: from now on, what is written does not reach the one that will be master. */
export interface Failover {
  /** Of what is there now. */
  readonly knows: 'everything' | 'nothing';
  /** That one is master. */
  takeOver(): Promise<void>;
}

/** See the head of this file. */
export interface Stage {
  readonly time: Timeline;
  readonly store: EntryStore;
  readonly log: InvalidationLog;
  readonly leases: LeaseStore;
  /** Begins a failover; undefined where there is none. */
  readonly keep?: () => Failover;
  /** Tells of every manifest that is written, where that can be seen. */
  readonly watchWrites?: (listener: (key: string, bytes: Buffer) => void) => void;
  /** Frees what is held outside of the schedule. */
  close(): Promise<void>;
}

/** Simulated from end to end. */
export function simulatedStage(random: Random, sabotage?: Sabotage): Stage {
  const time = new SimulatedTime();
  const store = new SimulatedEntryStore(time, sabotage);
  const log = new SimulatedLog({ time, random, isDeaf: sabotage === 'deaf-log' });
  const leases = new SimulatedLeases(time, random, sabotage);
  return {
    time,
    store,
    log,
    leases,
    keep() {
      const kept = [store.snapshot(), log.keep(), leases.keep()];
      return {
        knows: 'everything',
        takeOver: async () => {
          for (const restore of kept) restore();
        },
      };
    },
    watchWrites: (listener) => (store.onWritten = listener),
    close: async () => {
      await store.close();
      await log.close();
    },
  };
}
