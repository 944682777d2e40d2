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
  readonly #losses = new Map<string, { readonly error: unknown; readonly stopWaiting: () => void }>();

  constructor(options: StoreLossesOptions) {
    this.#options = options;
  }

  get isNone(): boolean {
    return this.#losses.size === 0;
  }

  has(dataset: string): boolean {
    return this.#losses.has(dataset);
  }

  /** What was lost of it; undefined when nothing was lately. */
  of(dataset: string): unknown {
    return this.#losses.get(dataset)?.error;
  }

  note(dataset: string, error: unknown): void {
    if (this.has(dataset)) return;
    const { clock, onLoss, onNone } = this.#options;
    const forget = (): void => {
      this.#losses.delete(dataset);
      if (this.isNone) onNone();
    };
    this.#losses.set(dataset, { error, stopWaiting: clock.after(LOSS_COUNTS_MS, forget) });
    onLoss(dataset, error);
  }

  close(): void {
    for (const { stopWaiting } of this.#losses.values()) stopWaiting();
    this.#losses.clear();
  }
}
