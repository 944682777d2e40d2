/** Tells everybody who listens of publications, in order. A listener that is too slow misses some, and its iteration says so by ending. */
import type { DatasetPublication } from './dataset-service.ts';

const WAITING_MAX = 1000;

interface Listener {
  waiting: DatasetPublication[];
  wake: () => void;
  overflowed: boolean;
}

/** Publications as they happen. */
export class PublicationLog {
  readonly #listeners = new Set<Listener>();

  add(publication: DatasetPublication): void {
    for (const listener of this.#listeners) {
      if (listener.waiting.length >= WAITING_MAX) listener.overflowed = true;
      else listener.waiting.push(publication);
      listener.wake();
    }
  }

  /** From now on; ends with the signal, or when so many wait that some had to be left out. */
  follow(signal: AbortSignal): AsyncIterable<DatasetPublication> {
    const listener: Listener = { waiting: [], wake: () => undefined, overflowed: false };
    // Heard from this moment, not from the first step of the iteration.
    this.#listeners.add(listener);
    return this.#publications(listener, signal);
  }

  async *#publications(listener: Listener, signal: AbortSignal): AsyncGenerator<DatasetPublication> {
    signal.addEventListener('abort', () => listener.wake(), { once: true });
    try {
      while (!signal.aborted) {
        const next = listener.waiting.shift();
        if (next !== undefined) yield next;
        else if (listener.overflowed) return;
        else await new Promise<void>((resolve) => (listener.wake = resolve));
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }
}
