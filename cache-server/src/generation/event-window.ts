/** The newest events of a log in the memory of a process, in order and without a gap. */
import { LOG_EVENTS_MAX } from './invalidation-log.ts';
import type { LogEvent, LogSize } from './invalidation-log.ts';

/** Bounds of an {@link EventWindow}. */
export interface EventWindowOptions {
  /** At least so many are kept, if the bytes allow, and fewer than twice as many; 100,000 by default. */
  readonly eventsMax?: number | undefined;
  /** In memory, about; 64 MiB by default. The last event is kept in any case. */
  readonly bytesMax?: number | undefined;
}

const BYTES_MAX = 64 * 1024 * 1024;
/** Of an event without its texts, and of a text without its characters. */
const EVENT_BYTES = 200;
const TEXT_BYTES = 32;

/** See the head of this file. */
export class EventWindow {
  readonly #eventsMax: number;
  readonly #bytesMax: number;
  #events: LogEvent[] = [];
  #bytes = 0;

  constructor({ eventsMax = LOG_EVENTS_MAX, bytesMax = BYTES_MAX }: EventWindowOptions = {}) {
    this.#eventsMax = eventsMax;
    this.#bytesMax = bytesMax;
  }

  get events(): readonly LogEvent[] {
    return this.#events;
  }

  get size(): LogSize {
    return { events: this.#events.length, bytes: this.#bytes };
  }

  clear(): void {
    this.#events = [];
    this.#bytes = 0;
  }

  /** @returns how many of the oldest had to go */
  add(events: readonly LogEvent[]): number {
    this.#events.push(...events);
    for (const event of events) this.#bytes += bytesOf(event);
    if (this.#events.length < 2 * this.#eventsMax && this.#bytes <= this.#bytesMax) return 0;
    return this.#drop();
  }

  /** Half of what may be there, so that it is done rarely: it moves all that stay. */
  #drop(): number {
    const { length } = this.#events;
    let first = length;
    let bytes = 0;
    while (first > 0 && length - first < this.#eventsMax) {
      const event = this.#events[first - 1];
      const more = event === undefined ? 0 : bytesOf(event);
      if (first < length && bytes + more > this.#bytesMax / 2) break;
      bytes += more;
      first -= 1;
    }
    this.#events = this.#events.slice(first);
    this.#bytes = bytes;
    return first;
  }
}

/** About what it takes in memory. */
function bytesOf(event: LogEvent): number {
  if (event.kind === 'invalidation') return EVENT_BYTES + textBytes(event.target.value);
  const { dataset, version, formerVersion, changed, removed } = event.published;
  const texts = [dataset, version, formerVersion, ...changed, ...removed];
  return texts.reduce((bytes, text) => bytes + textBytes(text), EVENT_BYTES);
}

/** Two bytes a character, as soon as one of them is not of Latin-1. */
function textBytes(text: string): number {
  return TEXT_BYTES + 2 * text.length;
}
