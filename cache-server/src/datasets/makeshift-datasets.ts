/**
 * Datasets of this server alone, for as long as the store that all share is away: cut anew, and kept in memory. They are opened when they are
 * first needed, and dropped when the store is back; who still reads them then holds what it reads.
 */
import type { Clock } from '../clock.ts';
import type { Datasets } from './dataset-service.ts';
import { CacheServerError } from '../errors.ts';
import { isWorthAnother } from './readable-documents.ts';
import type { EntryStore } from '../store/entry-store.ts';

/** How long a dataset that there was no room for is not tried again, in milliseconds. */
const NO_ROOM_MS = 10_000;

/** Datasets, and the store of nobody else. */
export interface OpenedMakeshift {
  readonly datasets: Datasets;
  readonly store: EntryStore;
}

/** Settings of {@link MakeshiftDatasets}. */
export interface MakeshiftOptions {
  readonly open: () => OpenedMakeshift;
  /** Whether the store that all share is away. */
  readonly isNeeded: () => boolean;
  readonly clock: Clock;
}

/** Whether something did not fit, or was driven out: a store in memory fails in no other way. */
export function isWantOfRoom(error: unknown): boolean {
  if (!(error instanceof CacheServerError)) return false;
  // As a refresh tells it.
  const { code, cause } = error;
  return (
    code === 'store' || (code === 'bad-data' && cause instanceof CacheServerError && isWantOfRoom(cause))
  );
}

/**
 * Which of two failures is told: what is wrong with the upstream or its data, rather than that the store is away. But the store it is where
 * there was no room without it, where a document is still at fault that it does not give, and where a certain version was asked for.
 */
export function toBeTold(
  away: unknown,
  makeshift: unknown,
  { version }: { readonly version: string },
): unknown {
  return version !== '' || isWantOfRoom(makeshift) || isWorthAnother(makeshift) ? away : makeshift;
}

/** See the head of this file. */
export class MakeshiftDatasets {
  readonly #options: MakeshiftOptions;
  #opened: OpenedMakeshift | undefined;
  /** Calls under way. */
  #lent = 0;
  #isClosed = false;
  #dropped: Promise<unknown> = Promise.resolve();
  /** When there was no room, by dataset. */
  readonly #noRoomAtMs = new Map<string, number>();

  constructor(options: MakeshiftOptions) {
    this.#options = options;
  }

  /** Bytes in memory; 0 while they are not needed. */
  async bytes(): Promise<number> {
    return (await this.#opened?.store.stats())?.bytes ?? 0;
  }

  /** Lends them for one call about a dataset. @throws CacheServerError `store` for one that there was no room for a moment ago */
  async lend<T>(dataset: string, use: (datasets: Datasets) => Promise<T>): Promise<T> {
    const { open, clock } = this.#options;
    if (this.#isClosed) throw new CacheServerError('draining', 'the server is shutting down');
    const ageMs = clock.now() - (this.#noRoomAtMs.get(dataset) ?? -Infinity);
    if (ageMs >= 0 && ageMs < NO_ROOM_MS)
      throw new CacheServerError('store', `there is no room for dataset ${dataset} in memory`);
    this.#opened ??= open();
    const { datasets } = this.#opened;
    this.#lent += 1;
    try {
      return await use(datasets).catch(async (error: unknown) => {
        if (!isWorthAnother(error)) throw error;
        return await use(datasets);
      });
    } catch (error) {
      if (isWantOfRoom(error)) this.#noRoomAtMs.set(dataset, clock.now());
      throw error;
    } finally {
      this.#lent -= 1;
      this.dropUnneeded();
    }
  }

  /** Also at the end of the last call: it may have begun while the store was away, and ended after it was back. */
  dropUnneeded(): void {
    if (this.#options.isNeeded() || this.#lent > 0 || this.#opened === undefined) return;
    const { datasets } = this.#opened;
    this.#opened = undefined;
    this.#noRoomAtMs.clear();
    // Ends the refreshes that nobody waits for any more. Its store is left to those who read partitions, and goes with the last of them.
    this.#dropped = Promise.all([this.#dropped, datasets.close()]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#dropped, this.#opened?.datasets.close()]);
  }
}
