/** Notes uses as they happen, each owner's once in a while and many at a time, so that a request pays nothing for it. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { UseLedger } from './use-ledger.ts';

/** Settings of {@link UseNotes}. */
export interface UseNotesOptions {
  readonly ledger: Pick<UseLedger, 'note'>;
  readonly clock: Clock;
  /** After which an owner that is not heard of is gone, in milliseconds. */
  readonly scopeTtlMs: number;
  readonly onFailed: (error: unknown) => void;
}

const OWNERS_MAX = 10_000;
/** How often a use is written down at most, as a share of the time after which it would be missed, and in milliseconds. */
const NOTE_SHARE = 0.1;
const NOTE_EVERY_MS_MAX = 60_000;
const GATHER_MS = 100;

/** See the head of this file. */
export class UseNotes {
  readonly #options: UseNotesOptions;
  readonly #everyMs: number;
  readonly #noted: LRUCache<string, number>;
  #gathered = new Set<string>();
  #stop: (() => void) | undefined;
  #stopKeeping: () => void = () => undefined;

  constructor(options: UseNotesOptions) {
    this.#options = options;
    this.#everyMs = Math.max(1, Math.min(NOTE_EVERY_MS_MAX, options.scopeTtlMs * NOTE_SHARE));
    this.#noted = new LRUCache({ max: OWNERS_MAX });
  }

  /** An owner is in use. */
  note(owner: string): void {
    const now = this.#options.clock.now();
    const before = this.#noted.get(owner);
    if (before !== undefined && now - before < this.#everyMs) return;
    this.#noted.set(owner, now);
    this.#gathered.add(owner);
    this.#stop ??= this.#options.clock.after(GATHER_MS, () => void this.#write());
  }

  /** Owners are in use as long as this process lives. */
  keep(owners: readonly string[]): void {
    const again = (): void => {
      for (const owner of owners) this.note(owner);
      this.#stopKeeping = this.#options.clock.after(this.#everyMs, again);
    };
    if (owners.length > 0) again();
  }

  /** Writes what is gathered. */
  async close(): Promise<void> {
    this.#stopKeeping();
    this.#stop?.();
    await this.#write();
  }

  async #write(): Promise<void> {
    const owners = [...this.#gathered];
    this.#gathered = new Set();
    this.#stop = undefined;
    if (owners.length === 0) return;
    try {
      await this.#options.ledger.note(owners, this.#options.clock.now());
    } catch (error) {
      // The next use is written down at once.
      for (const owner of owners) this.#noted.delete(owner);
      this.#options.onFailed(error);
    }
  }
}
