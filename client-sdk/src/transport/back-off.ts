const FIRST_MS = 100;
const LONGEST_MS = 3_000;

/** How long to leave a failing server alone: doubling from 100 ms to 3 s, a quarter up or down so that callers do not come in step. */
export class BackOff {
  readonly #random: () => number;
  #nextMs = FIRST_MS;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** The next delay in milliseconds. */
  next(): number {
    const delayMs = this.#nextMs * (0.75 + this.#random() / 2);
    this.#nextMs = Math.min(LONGEST_MS, this.#nextMs * 2);
    return Math.round(delayMs);
  }

  /** The server has done its work. */
  reset(): void {
    this.#nextMs = FIRST_MS;
  }
}
