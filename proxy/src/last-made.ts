/**
 * What was made last of each thing, for as long as it is wanted for the same mark; it goes with the thing. For what many are told within a
 * moment, such as a head whose Age changes once in a second.
 */
export class LastMade<K extends object, M extends string | number, T> {
  readonly #made = new WeakMap<K, { readonly mark: M; readonly value: T }>();

  /** @param mark everything beside the thing that decides what `make` gives */
  of(thing: K, mark: M, make: () => T): T {
    const last = this.#made.get(thing);
    if (last?.mark === mark) return last.value;
    const value = make();
    this.#made.set(thing, { mark, value });
    return value;
  }
}
