/**
 * Milliseconds that pass only while this process runs. A server must not be blamed for the time in which we ourselves were stopped
 * or blocked and could not read what it had sent: of a gap between two ticks no more than twice the interval counts.
 */
export class StallFreeClock {
  readonly #tickMs: number;
  #lastMs: number;
  #elapsedMs = 0;

  /** @param tickMs how often `tick` is to be called, in milliseconds */
  constructor(tickMs: number) {
    this.#tickMs = tickMs;
    this.#lastMs = performance.now();
  }

  /** Time that passed until the last tick. */
  get nowMs(): number {
    return this.#elapsedMs;
  }

  tick(): void {
    const now = performance.now();
    this.#elapsedMs += Math.min(now - this.#lastMs, 2 * this.#tickMs);
    this.#lastMs = now;
  }

  /** Begins to count again after a time without ticks, which counts as nothing. */
  resume(): void {
    this.#lastMs = performance.now();
  }
}
