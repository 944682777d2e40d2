import type { RateSettings } from './protection-settings.ts';

/** A rate as tokens: one comes every `per / requests`, and at most `burst` lie ready. Starts full. */
export class TokenBucket {
  readonly #rate: RateSettings;
  #tokens: number;
  #atMs: number;

  constructor(rate: RateSettings, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = now;
  }

  /**
   * Takes a token.
   *
   * @param share how much of the rate is ours, above 0; the whole of it is 1
   * @returns 0, or in how many milliseconds there will be one
   */
  take(now: number, share = 1): number {
    const tokenMs = tokenIntervalMs(this.#rate) / share;
    const gained = Math.max(0, now - this.#atMs) / tokenMs;
    this.#tokens = Math.min(Math.max(1, this.#rate.burst * share), this.#tokens + gained);
    this.#atMs = now;
    // What floating point leaves out of a token that is due is no reason to wait.
    if (this.#tokens < 1 - 1e-9) return Math.max(1, Math.ceil((1 - this.#tokens) * tokenMs));
    this.#tokens = Math.max(0, this.#tokens - 1);
    return 0;
  }
}

/** Milliseconds from one token to the next. */
export function tokenIntervalMs({ requests, per }: RateSettings): number {
  return per / requests;
}
