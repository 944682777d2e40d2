/** The real time and a real Redis, for the same schedules: what holds in the simulation has to hold there, too. */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../cache-server/src/clock.ts';
import { LEASE_MS, RECORDS_MS, RELEASED_MS } from '../../cache-server/src/lease/lease-store.ts';
import type { EntryStore } from '../../cache-server/src/store/entry-store.ts';
import { createRedisStore } from '../../cache-server/src/store/redis-store.ts';
import { ConnectionErrors } from '../../cache-server/src/store/redis/connection-errors.ts';
import { RedisConnection } from '../../cache-server/src/store/redis/redis-connection.ts';
import { RedisInvalidationLog } from '../../cache-server/src/store/redis/redis-invalidation-log.ts';
import { RedisLeases } from '../../cache-server/src/store/redis/redis-leases.ts';
import type { RedisFixture } from '../fixture/redis-server.ts';
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

/** Removes all that a stage has, in one step. */
const FORGET = `
for _, key in ipairs(redis.call('KEYS', '*' .. ARGV[1] .. '*')) do redis.call('DEL', key) end
return 1`;

/** Writes of manifests, in the order in which Redis took them: one connection takes them all, and tells of them in that order. */
class WatchedWrites {
  onWritten: (key: string, bytes: Buffer) => void = () => undefined;
  #isForgetting = false;
  /** Grows when all is forgotten: whether a write that was under way came before or after it, nobody knows. */
  #era = 0;

  /** The store, whose writes are told of. */
  of(store: EntryStore): EntryStore {
    const writeManifest: EntryStore['writeManifest'] = async (key, write) => {
      const era = this.#era;
      const isWritten = await store.writeManifest(key, write);
      if (isWritten && era === this.#era && !this.#isForgetting)
        this.onWritten(key, Buffer.from(write.bytes));
      return isWritten;
    };
    return new Proxy(store, {
      get(target, name) {
        if (name === 'writeManifest') return writeManifest;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  async forget(act: () => Promise<unknown>): Promise<void> {
    this.#isForgetting = true;
    await act();
    this.#isForgetting = false;
    this.#era += 1;
  }
}

/** A stage over a Redis, apart from others on it by a prefix. A failover is to a Redis that has nothing. */
export async function realStage(
  redis: Pick<RedisFixture, 'url' | 'command'>,
  keyPrefix: string,
): Promise<Stage> {
  const time = new RealTime();
  const writes = new WatchedWrites();
  const place = { url: redis.url, keyPrefix, commandTimeoutMs: COMMAND_TIMEOUT_MS, protocol: 3 as const };
  const store = createRedisStore(place);
  const errors = new ConnectionErrors(undefined, () => performance.now());
  const control = new RedisConnection({ ...place, autoPipelining: true, errors });
  while (!store.isReady || !control.isReady) await sleep(POLL_MS);
  return {
    time,
    store: writes.of(store),
    watchWrites: (listener) => (writes.onWritten = listener),
    keep: () => ({
      knows: 'nothing',
      takeOver: async () =>
        await writes.forget(async () => await redis.command('EVAL', FORGET, 0, keyPrefix)),
    }),
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
