/** The readers of one body: those announced, those reading, and those let go because they kept others waiting. */
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import { LagWatch } from './lag-watch.ts';
import { ReaderPlace } from './reader-place.ts';

/** How long a reader that keeps a starving one waiting may do so, in milliseconds. */
const LAGGARD_GRACE_MS = 500;
/** How long an announced reader may take to begin, in milliseconds. */
const ANNOUNCED_MS = 10_000;

/** Settings of {@link ReaderPlaces}. */
export interface ReaderPlacesOptions {
  readonly clock: Clock;
  /** Called when a reader moved on, left or was let go. */
  readonly onMoved: () => void;
  readonly onLagged: () => void;
  /** Called when a reader's place was given up. */
  readonly onLeft: () => void;
}

/** All places of one body. */
export class ReaderPlaces {
  readonly #options: ReaderPlacesOptions;
  readonly #places = new Set<ReaderPlace>();
  readonly #lagWatch: LagWatch;

  constructor(options: ReaderPlacesOptions) {
    this.#options = options;
    this.#lagWatch = new LagWatch({
      clock: options.clock,
      graceMs: LAGGARD_GRACE_MS,
      onLagged: (place) => this.#letGo(place),
    });
  }

  get count(): number {
    return this.#places.size;
  }

  /** A place for a reader that will come. It holds back a relayed body for 10 s at most. */
  announce(): ReaderPlace {
    const place = new ReaderPlace();
    this.#places.add(place);
    place.stopTimer = this.#options.clock.after(ANNOUNCED_MS, () => this.leave(place));
    return place;
  }

  /** The reader begins, at this position; it is let in again if its place was given up meanwhile. */
  enter(place: ReaderPlace, offset: number): void {
    place.stopTimer?.();
    place.offset = offset;
    place.state = 'busy';
    this.#places.add(place);
  }

  /** The reader needs nothing before this position any more. */
  advance(place: ReaderPlace, offset: number): void {
    place.offset = offset;
    this.#options.onMoved();
  }

  /** The reader has everything that arrived and waits; while the window is full it starves. */
  async untilWoken(place: ReaderPlace): Promise<void> {
    const woken = place.untilWoken();
    this.#options.onMoved();
    await woken;
  }

  leave(place: ReaderPlace): void {
    place.stopTimer?.();
    if (!this.#places.delete(place)) return;
    this.#options.onMoved();
    this.#options.onLeft();
  }

  wakeAll(): void {
    for (const place of this.#places) place.wake();
  }

  /** Whether a reader has not yet read up to this position. */
  needBefore(position: number): boolean {
    for (const { offset } of this.#places) if (offset < position) return true;
    return false;
  }

  /**
   * Looks for readers that keep starving ones waiting; while there are any, `onMoved` is called again when their grace has passed.
   *
   * @returns whether one was let go
   */
  lookForLaggards(window: { firstEnd: number; middle: number }): boolean {
    return this.#lagWatch.look({ ...window, places: this.#places }, this.#options.onMoved);
  }

  stopLooking(): void {
    this.#lagWatch.stop();
  }

  #letGo(place: ReaderPlace): void {
    this.#options.onLagged();
    place.fail(new CacheServerError('reader-lagged', 'this reader kept others waiting for too long'));
    this.leave(place);
  }
}
