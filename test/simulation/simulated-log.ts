/** The control half of a simulated Redis: the log of invalidations. See `simulated-redis.ts`. */
import { bucketOf, targetName } from '@pannier/proto/generation';
import type { FoldedMarks, Generation } from '@pannier/proto/generation';
import { encodeEvent } from '../../cache-server/src/generation/event-record.ts';
import { LOG_BYTES_MAX, LOG_EVENTS_MAX } from '../../cache-server/src/generation/invalidation-log.ts';
import type {
  AppendResult,
  InvalidationLog,
  LogEvent,
  LogPage,
  LogPosition,
  LogSize,
  LogSnapshot,
  NewEvent,
} from '../../cache-server/src/generation/invalidation-log.ts';
import type { Random } from './random.ts';
import type { Timeline } from './simulated-time.ts';

/** Settings of a {@link SimulatedLog}. */
export interface SimulatedLogOptions {
  readonly time: Pick<Timeline, 'nowMs'>;
  readonly random: Pick<Random, 'next'>;
  /** Events that can be read one by one. */
  readonly eventsMax?: number | undefined;
  /** And so many bytes of them; the last one can be read in any case. */
  readonly bytesMax?: number | undefined;
  /** Appends, and tells nobody: what the simulation has to notice. */
  readonly isDeaf?: boolean;
}

/** Events that one read brings. */
const PAGE_EVENTS = 100;

export class SimulatedLog implements InvalidationLog {
  readonly isLocal = false;
  readonly #options: SimulatedLogOptions;
  readonly #listeners = new Set<() => void>();
  #epoch = '';
  /** All there have been, the one with the sequence 1 first. */
  #events: readonly LogEvent[] = [];
  /** Of each event: the bytes of all up to it. */
  #ends: readonly number[] = [];

  constructor(options: SimulatedLogOptions) {
    this.#options = options;
  }

  get size(): LogSize {
    const first = this.#firstReadable;
    return { events: this.#events.length - first + 1, bytes: this.#bytesFrom(first) };
  }

  async append(added: readonly NewEvent[]): Promise<AppendResult> {
    const { time, random } = this.#options;
    const { sequence: former } = this.#head();
    const events = added.map((event, position): LogEvent => {
      const stamp = random.next().toString(36);
      return { ...event, sequence: former + position + 1, atMs: time.nowMs, stamp };
    });
    this.#events = [...this.#events, ...events];
    let end = this.#ends.at(-1) ?? 0;
    this.#ends = [...this.#ends, ...events.map((event) => (end += Buffer.byteLength(encodeEvent(event))))];
    for (const wake of this.#listeners) wake();
    return { head: this.#head(), events };
  }

  async read({ epoch, sequence, stamp }: LogPosition): Promise<LogPage> {
    const head = this.#head();
    if (this.#options.isDeaf === true)
      return { standing: 'continues', head: { ...head, sequence }, events: [] };
    if (epoch !== head.epoch) return { standing: 'other-epoch', head, events: [] };
    if (sequence > 0 && sequence < this.#firstReadable) return { standing: 'too-old', head, events: [] };
    if (sequence === 0 && this.#firstReadable > 1) return { standing: 'too-old', head, events: [] };
    if (sequence > 0 && this.#events[sequence - 1]?.stamp !== stamp)
      return { standing: 'lost-end', head, events: [] };
    return { standing: 'continues', head, events: this.#events.slice(sequence, sequence + PAGE_EVENTS) };
  }

  async snapshot(): Promise<LogSnapshot> {
    const head = this.#head();
    const isCut = this.#firstReadable > 1;
    const at = isCut ? this.#events[this.#firstReadable - 1] : undefined;
    const { sequence, stamp } = at ?? { sequence: 0, stamp: '' };
    const folded = foldedMarks(this.#events);
    return {
      head,
      position: { epoch: head.epoch, sequence, stamp },
      folded: { through: sequence, ...folded },
    };
  }

  async renew(epoch: string): Promise<void> {
    if (epoch === this.#epoch) [this.#epoch, this.#events, this.#ends] = ['', [], []];
    this.#head();
    for (const wake of this.#listeners) wake();
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
    const [epoch, events, ends] = [this.#epoch, this.#events, this.#ends];
    return () => ([this.#epoch, this.#events, this.#ends] = [epoch, events, ends]);
  }

  get #firstReadable(): number {
    const { eventsMax = LOG_EVENTS_MAX, bytesMax = LOG_BYTES_MAX } = this.#options;
    const { length } = this.#events;
    let first = Math.max(1, length - eventsMax + 1);
    while (first < length && this.#bytesFrom(first) > bytesMax) first += 1;
    return first;
  }

  /** Of an event and all after it. */
  #bytesFrom(sequence: number): number {
    return (this.#ends.at(-1) ?? 0) - (this.#ends[sequence - 2] ?? 0);
  }

  #head(): Generation {
    if (this.#epoch === '') this.#epoch = this.#options.random.next().toString(36);
    return { epoch: this.#epoch, sequence: this.#events.length };
  }
}

function foldedMarks(events: readonly LogEvent[]): Omit<FoldedMarks, 'through'> {
  const buckets: [number, 'hard' | 'soft', number][] = [];
  const prefixes: [string, 'hard' | 'soft', number][] = [];
  const all = { hard: 0, soft: 0 };
  for (const event of events) {
    if (event.kind !== 'invalidation') continue;
    const { target, mode, sequence } = event;
    if (target.kind === 'all') all[mode] = sequence;
    else if (target.kind === 'prefix') prefixes.push([target.value, mode, sequence]);
    else buckets.push([bucketOf(targetName(target)), mode, sequence]);
  }
  return { buckets, prefixes, all };
}
