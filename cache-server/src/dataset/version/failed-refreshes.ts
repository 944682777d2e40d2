/** Which datasets could not be refreshed, so that what failed is not tried again by each read. */
import type { Clock } from '../../clock.ts';

/** How long nothing is tried after the first failure in a row; twice as long after each further one. */
const RETRY_MIN_MS = 5_000;
const RETRY_MAX_MS = 300_000;

/** The last failure of a dataset. */
export interface FailedRefresh {
  readonly error: unknown;
  /** Source and declaration of what could not be cut; '' when it did not come so far. */
  readonly cut: string;
  /** Failures in a row. */
  readonly count: number;
  readonly retryAtMs: number;
}

/** In the memory of this process: another one, or a restart, tries once by itself. */
export class FailedRefreshes {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #failed = new Map<string, FailedRefresh>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** The failure that stands; undefined when it is time to try again. */
  standing(dataset: string): FailedRefresh | undefined {
    const failed = this.#failed.get(dataset);
    return failed !== undefined && this.#clock.now() < failed.retryAtMs ? failed : undefined;
  }

  add(dataset: string, { error, cut }: Pick<FailedRefresh, 'error' | 'cut'>): void {
    const count = (this.#failed.get(dataset)?.count ?? 0) + 1;
    const waitMs = Math.min(RETRY_MIN_MS * 2 ** (count - 1), RETRY_MAX_MS);
    this.#failed.set(dataset, { error, cut, count, retryAtMs: this.#clock.now() + waitMs });
  }

  clear(dataset: string): void {
    this.#failed.delete(dataset);
  }
}
