/** The real time and a real Redis, for the same schedules: what holds in the simulation has to hold there, too. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../cache-server/src/clock.ts';
import { LEASE_MS, RECORDS_MS, RELEASED_MS } from '../../cache-server/src/lease/lease-store.ts';
import { createRedisStore } from '../../cache-server/src/store/redis-store.ts';
import { ConnectionErrors } from '../../cache-server/src/store/redis/connection-errors.ts';
import { RedisConnection } from '../../cache-server/src/store/redis/redis-connection.ts';
import { RedisInvalidationLog } from '../../cache-server/src/store/redis/redis-invalidation-log.ts';
import { RedisLeases } from '../../cache-server/src/store/redis/redis-leases.ts';
import type { Timeline } from './simulated-time.ts';
import type { Stage } from './stage.ts';

const POLL_MS = 10;
/** A loaded machine is no fault of Redis. */
const COMMAND_TIMEOUT_MS = 10_000;

/** Time that passes by itself. */
class RealTime implements Timeline {
  readonly #beginMs = Date.now();
  readonly #timers = new Set<NodeJS.Timeout>();
  #steps = 0;

  get nowMs(): number {
    return Date.now();
  }

  get elapsedMs(): number {
    return this.nowMs - this.#beginMs;
  }

  get steps(): number {
    return this.#steps;
  }

  at(delayMs: number, run: () => void, isVoid?: () => boolean): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (isVoid?.() === true) return;
      this.#steps += 1;
      run();
    }, delayMs);
    this.#timers.add(timer);
  }

  async run(isDone: () => boolean, untilElapsedMs: number): Promise<boolean> {
    while (!isDone()) {
      if (this.elapsedMs > untilElapsedMs) return false;
      await sleep(POLL_MS);
    }
    return true;
  }

  /** Nothing happens any more. */
  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

/** A stage over a Redis, apart from others on it by a prefix. */
export async function realStage(url: string, keyPrefix: string): Promise<Stage> {
  const time = new RealTime();
  const place = { url, keyPrefix, commandTimeoutMs: COMMAND_TIMEOUT_MS, protocol: 3 as const };
  const store = createRedisStore(place);
  const errors = new ConnectionErrors(undefined, () => performance.now());
  const control = new RedisConnection({ ...place, autoPipelining: true, errors });
  while (!store.isReady || !control.isReady) await sleep(POLL_MS);
  return {
    time,
    store,
    log: new RedisInvalidationLog({ control, keyPrefix, clock: systemClock, random: Math.random }),
    leases: new RedisLeases({
      control,
      keyPrefix,
      leaseMs: LEASE_MS,
      recordsMs: RECORDS_MS,
      releasedMs: RELEASED_MS,
    }),
    close: async () => {
      time.end();
      await Promise.all([store.close(), control.close()]);
    },
  };
}
