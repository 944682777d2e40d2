/** Where one reader stands in an arriving body. */
import type { CacheServerError } from '../errors.ts';

/**
 * - `announced`  promised to a caller who has not begun to read
 * - `waiting`    has everything that arrived and waits for more
 * - `busy`       has been given bytes and has not asked for more
 */
export type PlaceState = 'announced' | 'waiting' | 'busy';

/** A reader's place. */
export class ReaderPlace {
  state: PlaceState = 'announced';
  /** Position of the next byte that it needs. */
  offset = 0;
  /** Since when it has kept others waiting, in milliseconds; undefined while it does not. */
  laggingSinceMs: number | undefined;
  /** Why it was let go. */
  error: CacheServerError | undefined;
  /** Stops the time that an announced reader has. */
  stopTimer: (() => void) | undefined;
  #wake: (() => void) | undefined;

  /** Waits until something happened that concerns the reader. */
  async untilWoken(): Promise<void> {
    this.state = 'waiting';
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.state = 'busy';
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Lets the reader go with an error, which it sees as soon as it asks for more. */
  fail(error: CacheServerError): void {
    this.error = error;
    this.wake();
  }
}
