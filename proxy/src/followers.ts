/** Those who wait for the same thing; what they wait for ends with the last of them. */
export class Followers {
  readonly #onLast: () => void;
  #count = 0;

  /** @param onLast called when nobody is left */
  constructor(onLast: () => void) {
    this.#onLast = onLast;
  }

  /** One more, until its signal is aborted or it leaves; leaving more than once does no harm. */
  join(signal: AbortSignal): () => void {
    this.#count += 1;
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      signal.removeEventListener('abort', leave);
      this.#count -= 1;
      if (this.#count === 0) this.#onLast();
    };
    signal.addEventListener('abort', leave, { once: true });
    return leave;
  }
}
