/** The log of a server that is alone, with the embedded store: it lives and ends with the process, as what is stored does. */
import { bucketOf, PREFIXES_MAX, targetName } from '@pannier/proto/generation';
import type { FoldedMarks, Generation, GenerationMode, GenerationTarget } from '@pannier/proto/generation';
import type { Clock } from '../clock.ts';
import { EventWindow } from './event-window.ts';
import type { EventWindowOptions } from './event-window.ts';
import type {
  AppendResult,
  InvalidationLog,
  LogEvent,
  LogPage,
  LogPosition,
  LogSize,
  LogSnapshot,
  NewEvent,
} from './invalidation-log.ts';
import { randomName } from './random-name.ts';

/** Settings of a {@link ProcessInvalidationLog}. */
export interface ProcessInvalidationLogOptions extends EventWindowOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Like Math.random. */
  readonly random: () => number;
}

/** Events of one page. */
const PAGE_EVENTS = 2000;
const MODES: readonly GenerationMode[] = ['hard', 'soft'];

/** See the head of this file. */
export class ProcessInvalidationLog implements InvalidationLog {
  readonly isLocal = true;
  readonly #options: ProcessInvalidationLogOptions;
  readonly #listeners = new Set<() => void>();
  #epoch: string;
  readonly #window: EventWindow;
  #sequence = 0;
  #marks = emptyMarks();

  constructor(options: ProcessInvalidationLogOptions) {
    this.#options = options;
    this.#window = new EventWindow(options);
    this.#epoch = randomName(options.random);
  }

  get size(): LogSize {
    return this.#window.size;
  }

  get #head(): Generation {
    return { epoch: this.#epoch, sequence: this.#sequence };
  }

  append(added: readonly NewEvent[]): Promise<AppendResult> {
    const { clock, random } = this.#options;
    const events = added.map((event): LogEvent => {
      this.#sequence += 1;
      return { ...event, sequence: this.#sequence, atMs: clock.now(), stamp: randomName(random) };
    });
    for (const event of events) if (event.kind === 'invalidation') this.#mark(event);
    this.#window.add(events);
    for (const wake of this.#listeners) wake();
    return Promise.resolve({ head: this.#head, events });
  }

  read({ epoch, sequence, stamp }: LogPosition): Promise<LogPage> {
    const head = this.#head;
    const without = (standing: LogPage['standing']): Promise<LogPage> =>
      Promise.resolve({ standing, head, events: [] });
    if (epoch !== head.epoch) return without('other-epoch');
    if (sequence > head.sequence) return without('lost-end');
    const { events } = this.#window;
    const from = events.length - (head.sequence - sequence);
    if (from < 0) return without('too-old');
    const there = events[from - 1];
    if (there !== undefined && there.stamp !== stamp) return without('lost-end');
    return Promise.resolve({
      standing: 'continues',
      head,
      events: events.slice(from, from + PAGE_EVENTS),
    });
  }

  snapshot(): Promise<LogSnapshot> {
    const [first] = this.#window.events;
    // From the first event on, which itself may not be asked for: nobody knows the stamp of the one before.
    const position = first ?? { sequence: this.#sequence, stamp: '' };
    const { sequence, stamp } = position;
    const folded = { through: sequence, ...foldedMarks(this.#marks) };
    return Promise.resolve({ head: this.#head, position: { epoch: this.#epoch, sequence, stamp }, folded });
  }

  renew(epoch: string): Promise<void> {
    if (epoch === this.#epoch) {
      this.#epoch = randomName(this.#options.random);
      this.#window.clear();
      this.#sequence = 0;
      this.#marks = emptyMarks();
    }
    for (const wake of this.#listeners) wake();
    return Promise.resolve();
  }

  onAppended(wake: () => void): () => void {
    this.#listeners.add(wake);
    return () => this.#listeners.delete(wake);
  }

  close(): Promise<void> {
    this.#listeners.clear();
    return Promise.resolve();
  }

  #mark(event: { target: GenerationTarget; mode: GenerationMode; sequence: number }): void {
    const { target, mode, sequence } = event;
    const { buckets, prefixes, all } = this.#marks[mode];
    if (target.kind === 'all') this.#marks[mode].all = sequence;
    else if (target.kind !== 'prefix') buckets.set(bucketOf(targetName(target)), sequence);
    else {
      prefixes.delete(target.value);
      prefixes.set(target.value, sequence);
      const [oldest] = prefixes;
      if (prefixes.size <= PREFIXES_MAX || oldest === undefined) return;
      prefixes.delete(oldest[0]);
      this.#marks[mode].all = Math.max(all, oldest[1]);
    }
  }
}

interface ModeMarks {
  readonly buckets: Map<number, number>;
  readonly prefixes: Map<string, number>;
  all: number;
}

function emptyMarks(): Record<GenerationMode, ModeMarks> {
  const empty = (): ModeMarks => ({ buckets: new Map(), prefixes: new Map(), all: 0 });
  return { hard: empty(), soft: empty() };
}

function foldedMarks(marks: Record<GenerationMode, ModeMarks>): Omit<FoldedMarks, 'through'> {
  const listed = <N>(of: (mode: ModeMarks) => Map<N, number>): [N, GenerationMode, number][] =>
    MODES.flatMap((mode) =>
      [...of(marks[mode])].map(([name, sequence]): [N, GenerationMode, number] => [name, mode, sequence]),
    ).toSorted(([, , one], [, , other]) => one - other);
  return {
    buckets: listed(({ buckets }) => buckets),
    prefixes: listed(({ prefixes }) => prefixes),
    all: { hard: marks.hard.all, soft: marks.soft.all },
  };
}
