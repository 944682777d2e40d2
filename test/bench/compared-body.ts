/** A body that is compared with what it should be as it arrives, so that nobody has to keep thousands of them. */
export class ComparedBody {
  readonly #expected: Buffer;
  #at = 0;
  #isSame = true;

  constructor(expected: Buffer) {
    this.#expected = expected;
  }

  /** The next bytes. */
  take(chunk: Uint8Array): void {
    const end = this.#at + chunk.length;
    this.#isSame &&= this.#expected.compare(chunk, 0, chunk.length, this.#at, end) === 0;
    this.#at = end;
  }

  /** At its end: undefined when these were the bytes, and all of them; else what it was instead. */
  wrong(): string | undefined {
    if (!this.#isSame) return 'another body';
    return this.#at === this.#expected.length ? undefined : 'a short body delivered as whole';
  }
}
