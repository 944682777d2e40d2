/** How many ingests may have a thread, and with it memory, at once; the others wait in the order in which they came. */
import { abortable } from '@pannier/runtime';
import type { Config } from '@pannier/runtime';
import { DatasetError } from '../dataset-error.ts';

/** The slots of a process. */
export class ThreadSlots {
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  /** In use. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Waits for a slot.
   *
   * @returns what gives the slot back
   * @throws DatasetError `limit-exceeded` after `ingestWaitMs`; the signal's reason
   */
  async take(
    { ingestThreadsMax, ingestWaitMs }: Pick<Config['limits'], 'ingestThreadsMax' | 'ingestWaitMs'>,
    signal: AbortSignal,
  ): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < ingestThreadsMax) this.#taken += 1;
    else await this.#turn({ ingestThreadsMax, ingestWaitMs }, signal);
    let isGiven = false;
    return () => {
      if (!isGiven) this.#pass();
      isGiven = true;
    };
  }

  async #turn(
    { ingestThreadsMax, ingestWaitMs }: Pick<Config['limits'], 'ingestThreadsMax' | 'ingestWaitMs'>,
    signal: AbortSignal,
  ): Promise<void> {
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn.resolve);
    const timer = setTimeout(() => {
      const what = `none of limits.ingestThreadsMax ${ingestThreadsMax} within limits.ingestWaitMs ${ingestWaitMs}`;
      turn.reject(new DatasetError('limit-exceeded', `no thread became free: ${what}`));
    }, ingestWaitMs);
    try {
      await abortable(turn.promise, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(turn.resolve);
      // Who leaves in the moment of its turn passes it on.
      if (at === -1) this.#pass();
      else this.#waiting.splice(at, 1);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A slot goes from hand to hand while somebody waits. */
  #pass(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken -= 1;
    else next();
  }
}
