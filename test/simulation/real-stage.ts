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
  /** What is to be done, the next first. */
  readonly #waiting: { dueMs: number; run: () => void; isVoid: (() => boolean) | undefined }[] = [];
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

  /** In the order of time: timers of Node that were set one after the other may run the other way round when a process was held up. */
  at(delayMs: number, run: () => void, isVoid?: () => boolean): void {
    const dueMs = performance.now() + delayMs;
    const behind = this.#waiting.findIndex((other) => other.dueMs > dueMs);
    this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, { dueMs, run, isVoid });
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#runUntil(dueMs);
    }, delayMs);
    this.#timers.add(timer);
  }

  #runUntil(dueMs: number): void {
    for (let next = this.#waiting[0]; next !== undefined && next.dueMs <= dueMs; next = this.#waiting[0]) {
      this.#waiting.shift();
      if (next.isVoid?.() === true) continue;
      this.#steps += 1;
      next.run();
    }
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
