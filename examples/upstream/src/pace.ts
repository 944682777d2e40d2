import { setTimeout as delay } from 'node:timers/promises';

const stepMs = 100;
const stepBytesMax = 64 * 1024;
/** A client that read slower than the pace may catch up on this much, not on all it missed. */
const debtMsMax = 100;

/** Spreads a body evenly over time in small steps: 10 KB/s goes out as 1 KB every 100 ms. */
export class Pace {
  /** Bytes per step, at least 1. */
  readonly stepBytes: number;
  readonly #bytesPerSecond: number;
  #startMs: number;

  /** @param nowMs a monotonic clock's reading at the first byte */
  constructor(bytesPerSecond: number, nowMs: number) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#startMs = nowMs;
    this.stepBytes = Math.max(1, Math.min(stepBytesMax, Math.floor((bytesPerSecond * stepMs) / 1000)));
  }

  /** Milliseconds from now until the next step is due, after so many bytes in all. Measured from the start, so errors of single timers do not add up. */
  dueInMs(sentBytes: number, nowMs: number): number {
    const dueMs = this.#startMs + (sentBytes * 1000) / this.#bytesPerSecond - nowMs;
    if (dueMs < -debtMsMax) this.#startMs += -debtMsMax - dueMs;
    return Math.max(0, dueMs);
  }

  /** Waits until the next step is due. Rejects with an AbortError when the signal fires. */
  async turn(sentBytes: number, signal: AbortSignal): Promise<void> {
    const dueMs = this.dueInMs(sentBytes, performance.now());
    if (dueMs > 0) await delay(dueMs, undefined, { signal });
  }
}
