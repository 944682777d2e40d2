/** Long work in short slices: other work of the thread is done between them, and who does not want the result any more ends it. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long a slice may take, in milliseconds. */
const SLICE_MS = 4;

/** One piece of long work. */
export class Slices {
  readonly #signal: AbortSignal;
  #endMs = performance.now() + SLICE_MS;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Ends the slice when it has taken long enough. Rejects with the signal's reason. */
  async between(): Promise<void> {
    if (performance.now() < this.#endMs) return;
    await nextTurn();
    this.#signal.throwIfAborted();
    this.#endMs = performance.now() + SLICE_MS;
  }
}
