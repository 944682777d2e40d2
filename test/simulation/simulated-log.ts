/** The control half of a simulated Redis: the log of invalidations. See `simulated-redis.ts`. */
import type { Generation } from '@pannier/proto';
import { LOG_EVENTS_MAX } from '../../cache-server/src/generation/invalidation-log.ts';
import type {
  AppendResult,
  InvalidationLog,
  LogEvent,
  LogPage,
  LogPosition,
  LogSnapshot,
  NewEvent,
} from '../../cache-server/src/generation/invalidation-log.ts';
import type { Random } from './random.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** Events that one read brings. */
const PAGE_EVENTS = 100;

export class SimulatedLog implements InvalidationLog {
  #epoch = '';
  #events: readonly LogEvent[] = [];
  #sequence = 0;
  readonly #listeners = new Set<() => void>();
  readonly #time: SimulatedTime;
  readonly #random: Random;

  constructor(time: SimulatedTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  async append(events: readonly NewEvent[]): Promise<AppendResult> {
    const head = this.#head();
    const added = events.map((event, position): LogEvent => {
      const stamp = this.#random.next().toString(36);
      return { ...event, sequence: head.sequence + position + 1, atMs: this.#time.nowMs, stamp };
    });
    this.#sequence += added.length;
    this.#events = [...this.#events, ...added].slice(-LOG_EVENTS_MAX);
    for (const wake of this.#listeners) wake();
    return { head: this.#head(), events: added };
  }

  async read({ epoch, sequence, stamp }: LogPosition): Promise<LogPage> {
    const head = this.#head();
    const at = this.#events.find((event) => event.sequence === sequence);
    const isThere = sequence === 0 ? (this.#events[0]?.sequence ?? 1) === 1 : at?.stamp === stamp;
    const continues = epoch === head.epoch && isThere;
    const later = this.#events.filter((event) => event.sequence > sequence);
    return { head, events: continues ? later.slice(0, PAGE_EVENTS) : [], continues };
  }

  async snapshot(): Promise<LogSnapshot> {
    const head = this.#head();
    // Few events ever come to pass in a schedule: none is too old to be read.
    const folded = { through: 0, buckets: [], prefixes: [], all: { hard: 0, soft: 0 } };
    if (this.#sequence > LOG_EVENTS_MAX) throw new Error('more events than a schedule has');
    return { head, position: { epoch: head.epoch, sequence: 0, stamp: '' }, folded };
  }

  async renew(epoch: string): Promise<void> {
    if (epoch !== this.#epoch) return;
    this.#lose();
    this.#head();
  }

  onAppended(wake: () => void): () => void {
    this.#listeners.add(wake);
    return () => this.#listeners.delete(wake);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  /** What brings back what is there now. */
  keep(): () => void {
    const [epoch, events, sequence] = [this.#epoch, this.#events, this.#sequence];
    return () => ([this.#epoch, this.#events, this.#sequence] = [epoch, events, sequence]);
  }

  /** As FLUSHALL does. */
  #lose(): void {
    [this.#epoch, this.#events, this.#sequence] = ['', [], 0];
  }

  #head(): Generation {
    if (this.#epoch === '') this.#epoch = this.#random.next().toString(36);
    return { epoch: this.#epoch, sequence: this.#sequence };
  }
}
