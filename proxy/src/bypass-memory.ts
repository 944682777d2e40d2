/** Origins that the cache server does not want, for as long as it said; bounded, the oldest go first. */
const ORIGINS_MAX = 4096;

/** Remembers origins for a while. */
export class BypassMemory {
  readonly #now: () => number;
  readonly #until = new Map<string, { outcome: string; untilMs: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The outcome to report, while the origin is remembered. */
  recall(origin: string): string | undefined {
    const found = this.#until.get(origin);
    if (found === undefined) return undefined;
    if (found.untilMs > this.#now()) return found.outcome;
    this.#until.delete(origin);
    return undefined;
  }

  remember(origin: string, outcome: string, forMs: number): void {
    if (forMs <= 0) return;
    this.#until.delete(origin);
    const [oldest] = this.#until.keys();
    if (this.#until.size >= ORIGINS_MAX && oldest !== undefined) this.#until.delete(oldest);
    this.#until.set(origin, { outcome, untilMs: this.#now() + forMs });
  }
}
