/** Reads what another server tells of its flight, as it comes: woken by news, and looking by itself in case they are lost. */
import type { Clock } from '../clock.ts';
import { decodeRecord, isLast } from './flight-record.ts';
import type { FlightRecord } from './flight-record.ts';
import { LEASE_MS } from './lease-store.ts';
import type { LeaseStore, RecordPage } from './lease-store.ts';

/**
 * Why no more records come: `last` was the last one; the lease is `vacant` without one, or `taken` by another; nobody can tell for as long as a
 * lease lasts (`away`); or a record is of another version (`unreadable`).
 */
export type ReadingEnd = 'last' | 'vacant' | 'taken' | 'away' | 'unreadable';

/** What to read. */
export interface RecordReaderOptions {
  readonly store: LeaseStore;
  readonly clock: Clock;
  readonly name: string;
  readonly token: string;
  readonly signal: AbortSignal;
  readonly onAway: (error: unknown) => void;
}

const PAGE_RECORDS_MAX = 64;
/** Pauses between two looks when there is nothing new, the first and the longest, in milliseconds. */
const POLL_MS_MIN = 20;
const POLL_MS_MAX = 200;

/** See the head of this file. */
export class RecordReader {
  readonly #options: RecordReaderOptions;
  readonly #stopListening: () => void;
  #after = '';
  #pauseMs = POLL_MS_MIN;
  #hasNews = false;
  #wake: (() => void) | undefined;
  /** When the first of the reads began that were not answered; undefined when the last one was. */
  #silentSinceMs: number | undefined;

  constructor(options: RecordReaderOptions) {
    this.#options = options;
    this.#stopListening = options.store.onNews(options.name, () => {
      this.#hasNews = true;
      this.#wake?.();
    });
  }

  /** The records from the first on. Throws the signal's reason once that is aborted. */
  async *records(): AsyncGenerator<FlightRecord, ReadingEnd, undefined> {
    const { token } = this.#options;
    for (;;) {
      const page = await this.#read();
      if (page === undefined) {
        if (this.#isSilent) return 'away';
        await this.#pause();
        continue;
      }
      for (const { id, bytes } of page.records) {
        const record = readable(bytes);
        if (record === undefined) return 'unreadable';
        this.#after = id;
        yield record;
        if (isLast(record)) return 'last';
      }
      if (page.records.length > 0) this.#pauseMs = POLL_MS_MIN;
      // What comes behind a full page is looked at before the lease is: the page was seen in the same moment as its holder.
      else if (page.holder === token) await this.#pause();
      else return page.holder === undefined ? 'vacant' : 'taken';
    }
  }

  /** Waits until the lease is given up, or it cannot be known. Throws the signal's reason. */
  async untilReleased(): Promise<void> {
    this.#pauseMs = POLL_MS_MIN;
    for (;;) {
      const page = await this.#read();
      if (page === undefined ? this.#isSilent : page.holder !== this.#options.token) return;
      await this.#pause();
    }
  }

  close(): void {
    this.#stopListening();
  }

  /** Whether there has been no answer for as long as a lease lasts. */
  get #isSilent(): boolean {
    return this.#silentSinceMs !== undefined && this.#options.clock.now() - this.#silentSinceMs > LEASE_MS;
  }

  async #read(): Promise<RecordPage | undefined> {
    const { store, name, token, signal, onAway, clock } = this.#options;
    signal.throwIfAborted();
    this.#hasNews = false;
    const after = this.#after;
    const askedAtMs = clock.now();
    try {
      const page = await store.read(name, token, { after, countMax: PAGE_RECORDS_MAX });
      this.#silentSinceMs = undefined;
      return page;
    } catch (error) {
      this.#silentSinceMs ??= askedAtMs;
      onAway(error);
      return undefined;
    }
  }

  /** Longer each time that there is nothing new. */
  async #pause(): Promise<void> {
    const { clock, signal } = this.#options;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(2 * pauseMs, POLL_MS_MAX);
    if (this.#hasNews) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#wake = () => resolve(undefined);
    const stop = clock.after(pauseMs, this.#wake);
    signal.addEventListener('abort', this.#wake, { once: true });
    await promise;
    signal.removeEventListener('abort', this.#wake);
    stop();
    this.#wake = undefined;
  }
}

function readable(bytes: Uint8Array): FlightRecord | undefined {
  try {
    return decodeRecord(bytes);
  } catch {
    // A server of another version tells in other words: this one asks for itself.
    return undefined;
  }
}
