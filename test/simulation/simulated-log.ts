/** The control half of a simulated Redis: the log of invalidations. See `simulated-redis.ts`. */
import type { Generation } from '@pannier/proto';
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
  readonly isLocal = false;
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
    this.#events = [...this.#events, ...added];
    for (const wake of this.#listeners) wake();
    return { head: this.#head(), events: added };
  }

  async read({ epoch, sequence, stamp }: LogPosition): Promise<LogPage> {
    const head = this.#head();
    if (epoch !== head.epoch) return { standing: 'other-epoch', head, events: [] };
    const there = this.#events.find((event) => event.sequence === sequence);
    if (sequence > head.sequence || (there?.stamp ?? '') !== stamp)
      return { standing: 'lost-end', head, events: [] };
    const later = this.#events.filter((event) => event.sequence > sequence);
    return { standing: 'continues', head, events: later.slice(0, PAGE_EVENTS) };
  }

  async snapshot(): Promise<LogSnapshot> {
    const head = this.#head();
    // Few events ever come to pass in a schedule: none is too old to be read.
    const folded = { through: 0, buckets: [], prefixes: [], all: { hard: 0, soft: 0 } };
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
