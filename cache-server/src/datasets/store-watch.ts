/** Whether the store that all servers share can be used now: known once for all who ask, so that a Redis that hangs is waited for once. */
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import type { EntryStore } from '../store/entry-store.ts';

/** How long an answer of the store counts, in milliseconds. */
const ANSWER_TRUSTED_MS = 1_000;
/** How often a store that is away is tried. */
const LOOK_EVERY_MS = 5_000;
/** A key that is nothing's: what is written there says no more than that it can be. */
const LOOK_KEY = 'store-watch';
const LOOK_TTL_MS = 1_000;

/** Settings of {@link StoreWatch}. */
export interface StoreWatchOptions {
  readonly store: EntryStore;
  readonly clock: Clock;
  /** @param error why it is away */
  readonly onAway: (error: unknown) => void;
  readonly onBack: () => void;
}

/** Whether the store failed, rather than said that something is not there. */
export function isStoreAway(error: unknown): boolean {
  return error instanceof CacheServerError && error.code === 'store' && !error.isLost;
}

/** See the head of this file. It is away from the first thing on that it could not do until it can be written again: what can be written can be read. */
export class StoreWatch {
  readonly #options: StoreWatchOptions;
  #answeredAtMs = -Infinity;
  #asking: Promise<boolean> | undefined;
  #isAway = false;
  #isClosed = false;
  #stopWaiting = (): void => undefined;

  constructor(options: StoreWatchOptions) {
    this.#options = options;
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  /** Whether the store can be used, by what is known; it is asked when that is older than a second. */
  async answers(): Promise<boolean> {
    if (this.#isAway) return false;
    const ageMs = this.#options.clock.now() - this.#answeredAtMs;
    // Of a clock that was set back nobody knows how long ago that was.
    if (ageMs >= 0 && ageMs < ANSWER_TRUSTED_MS) return true;
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return await this.#asking;
  }

  /** Something could not be done. */
  noteAway(error: unknown): void {
    if (this.#isAway || this.#isClosed) return;
    this.#isAway = true;
    this.#options.onAway(error);
    this.#lookLater();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopWaiting();
  }

  async #ask(): Promise<boolean> {
    const { store, clock } = this.#options;
    try {
      await store.readManifest(LOOK_KEY, { shared: true });
      this.#answeredAtMs = clock.now();
    } catch (error) {
      this.noteAway(error);
    }
    return !this.#isAway;
  }

  #lookLater(): void {
    if (!this.#isClosed)
      this.#stopWaiting = this.#options.clock.after(LOOK_EVERY_MS, () => void this.#look());
  }

  /** One that is full, or a replica, can be read all the time. */
  async #look(): Promise<void> {
    const { store, clock, onBack } = this.#options;
    const look = { bytes: new Uint8Array(1), version: '', ttlMs: LOOK_TTL_MS };
    const isBack = await store.writeManifest(LOOK_KEY, look).then(
      () => true,
      () => false,
    );
    if (this.#isClosed) return;
    if (isBack) {
      this.#isAway = false;
      this.#answeredAtMs = clock.now();
      onBack();
    } else this.#lookLater();
  }
}
