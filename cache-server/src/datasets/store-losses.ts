/** Datasets of which the store lost lately what it was given: that says nothing of others, nor that the store is away. */
import type { Clock } from '../clock.ts';

/** How long such a dataset is not tried in the store again, in milliseconds. */
const LOSS_COUNTS_MS = 5_000;

/** Settings of {@link StoreLosses}. */
export interface StoreLossesOptions {
  readonly clock: Pick<Clock, 'after'>;
  readonly onLoss: (dataset: string, error: unknown) => void;
  /** Told when the last loss counts no more. */
  readonly onNone: () => void;
}

/** See the head of this file. */
export class StoreLosses {
  readonly #options: StoreLossesOptions;
  readonly #stopWaiting = new Map<string, () => void>();

  constructor(options: StoreLossesOptions) {
    this.#options = options;
  }

  get isNone(): boolean {
    return this.#stopWaiting.size === 0;
  }

  has(dataset: string): boolean {
    return this.#stopWaiting.has(dataset);
  }

  note(dataset: string, error: unknown): void {
    if (this.has(dataset)) return;
    const { clock, onLoss, onNone } = this.#options;
    const forget = (): void => {
      this.#stopWaiting.delete(dataset);
      if (this.isNone) onNone();
    };
    this.#stopWaiting.set(dataset, clock.after(LOSS_COUNTS_MS, forget));
    onLoss(dataset, error);
  }

  close(): void {
    for (const stopWaiting of this.#stopWaiting.values()) stopWaiting();
    this.#stopWaiting.clear();
  }
}
