/** What all readers of a process may hold ahead of their consumers, in bytes. */
export class BufferBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes taken and not given back. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes bytes when they are to be had. */
  tryTake(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Takes bytes whatever the limit: every reader may hold one item, or readers would wait for each other for ever. */
  take(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** The one of this process, 64 MiB. */
export const processBudget = new BufferBudget(64 * 1024 * 1024);
