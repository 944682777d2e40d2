/**
 * Decides when a reader of a relayed body is let go: it holds the window's last segment while another reader has read everything
 * and starves, and it does not catch up within a grace. Where all readers are slow, nobody starves and the upstream is held back.
 */
import type { Clock } from '../clock.ts';
import type { ReaderPlace } from './reader-place.ts';

/** How the window stands while there is no room in it. */
export interface FullWindow {
  readonly places: Iterable<ReaderPlace>;
  /** Readers before this position keep the first segment. */
  readonly firstEnd: number;
  /** Readers before this position lag by more than half of the window. */
  readonly middle: number;
}

/** Settings of {@link LagWatch}. */
export interface LagWatchOptions {
  readonly clock: Clock;
  readonly graceMs: number;
  /** Lets a reader go. */
  readonly onLagged: (place: ReaderPlace) => void;
}

/** Watches the readers of one body. */
export class LagWatch {
  readonly #options: LagWatchOptions;
  #cancel: (() => void) | undefined;

  constructor(options: LagWatchOptions) {
    this.#options = options;
  }

  /**
   * Looks at the readers; `recheck` is called when a grace has passed.
   *
   * @returns whether one was let go
   */
  look(window: FullWindow, recheck: () => void): boolean {
    const now = this.#options.clock.now();
    const places = [...window.places];
    const starving = places.some(({ state }) => state === 'waiting');
    let nextMs = Infinity;
    let letGo = false;
    for (const place of places) {
      // Who came close again starts anew; a mere crawl along the edge does not clear it.
      if (!starving || place.offset >= window.middle) place.laggingSinceMs = undefined;
      const holds = place.offset < window.firstEnd && place.state === 'busy';
      if (starving && holds) place.laggingSinceMs ??= now;
      if (place.laggingSinceMs === undefined || !holds) continue;
      const leftMs = place.laggingSinceMs + this.#options.graceMs - now;
      if (leftMs > 0) nextMs = Math.min(nextMs, leftMs);
      else {
        letGo = true;
        this.#options.onLagged(place);
      }
    }
    this.stop();
    if (nextMs < Infinity) this.#cancel = this.#options.clock.after(nextMs, recheck);
    return letGo;
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
