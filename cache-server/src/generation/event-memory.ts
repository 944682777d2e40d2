/** The events that this server has read last, for those who watch. */
import type { Generation } from '@pannier/proto/generation';
import { EventWindow } from './event-window.ts';
import type { LogEvent } from './invalidation-log.ts';

/** Events after a generation. */
export interface EventPage {
  /** False when what comes after the generation is not known any more: the reader goes on at the position beside, having lost everything before. */
  readonly continues: boolean;
  readonly events: readonly LogEvent[];
  /** Where the reader is when it has seen them. */
  readonly position: Generation;
}

/** Events of one page. */
const PAGE_EVENTS = 1000;

/** See the head of this file. */
export class EventMemory {
  readonly #listeners = new Set<() => void>();
  #epoch = '';
  /** What comes after this sequence is known. */
  #since = 0;
  readonly #window = new EventWindow();

  /** Forgets everything, and goes on after a generation. */
  beginAt({ epoch, sequence }: Generation): void {
    this.#epoch = epoch;
    this.#since = sequence;
    this.#window.clear();
    this.#tell();
  }

  /** Adds events that follow without a gap. */
  add(events: readonly LogEvent[]): void {
    this.#since += this.#window.add(events);
    this.#tell();
  }

  /** @param head where this server is */
  after({ epoch, sequence }: Generation, head: Generation): EventPage {
    if (epoch !== this.#epoch || sequence < this.#since)
      return { continues: false, events: [], position: head };
    // Whoever comes from a server that is ahead of this one has seen it all.
    const from = Math.max(0, sequence - this.#since);
    const events = this.#window.events.slice(from, from + PAGE_EVENTS);
    return { continues: true, events, position: { epoch, sequence: sequence + events.length } };
  }

  /** @returns ends the calls */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
