/**
 * Reads that begin anew. Who names no version is told one, and names it from then on: at another server, or a moment later, it may be gone,
 * for a store that evicts takes what it likes, and a server that cut it in its own memory is the only one that has it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { PannierError } from './errors.ts';
import type { ReadOptions } from './record-read.ts';
import { BackOff } from './transport/index.ts';

/** How long a read that broke is tried again, in milliseconds, where the caller does not say. */
export const RESUME_WITHIN_MS = 10_000;

/** Without a partition coming. With the times between them there are fewer in ten seconds. */
const STARTS_MAX = 10;

/** How often a read may still begin anew. */
export class FreshStarts {
  readonly #options: Pick<ReadOptions, 'version' | 'signal' | 'resumeWithinMs'>;
  readonly #backOff = new BackOff();
  #starts = 0;
  #firstLossAtMs = 0;
  #partitions = 0;

  constructor(options: Pick<ReadOptions, 'version' | 'signal' | 'resumeWithinMs'>) {
    this.#options = options;
  }

  /**
   * Waits until it is worth asking for the current version again.
   *
   * @param error of a call that named a version which a server had told
   * @param partitions that have come in all, each counted once however often it came: with another one, starts and time are counted from
   *   here; default: as many as before
   * @throws the error itself where it says something else, where the caller named that version, and after too many starts or too long; the
   *   signal's reason
   */
  async after(error: unknown, partitions = this.#partitions): Promise<void> {
    if (partitions > this.#partitions) {
      this.#partitions = partitions;
      this.#starts = 0;
      this.#backOff.reset();
    }
    const { version = '', signal, resumeWithinMs = RESUME_WITHIN_MS } = this.#options;
    if (version !== '' || !isVersionLost(error) || this.#starts === STARTS_MAX) throw error;
    if (this.#starts === 0) this.#firstLossAtMs = performance.now();
    this.#starts += 1;
    const delayMs = this.#backOff.next();
    if (performance.now() + delayMs - this.#firstLossAtMs > resumeWithinMs) throw error;
    await pause(delayMs, signal);
  }
}

/** @throws the signal's reason */
export async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(delayMs, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** A reader that had partitions already tells it as the cause. */
function isVersionLost(error: unknown): boolean {
  if (!(error instanceof PannierError)) return false;
  return error.code === 'not-found' || (error.code === 'body-broken' && isVersionLost(error.cause));
}
