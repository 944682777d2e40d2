/** The bytes of a value that is under way, in one piece: appending to a long one costs what is appended, not what is there. */
export class PendingBytes {
  #memory: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What is pending with the chunk behind it: a view that lasts until the next call. */
  joined(chunk: Buffer): Buffer {
    if (this.#length === 0) return chunk;
    const length = this.#length + chunk.length;
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#memory.length));
      this.#memory.copy(larger, 0, 0, this.#length);
      this.#memory = larger;
    }
    chunk.copy(this.#memory, this.#length);
    return this.#memory.subarray(0, length);
  }

  /** Keeps the bytes, which may be a part of what {@link joined} gave, and nothing else. */
  keep(bytes: Buffer): void {
    this.#length = bytes.length;
    const isThere = bytes.buffer === this.#memory.buffer && bytes.byteOffset === this.#memory.byteOffset;
    if (isThere) return;
    if (bytes.length > this.#memory.length) this.#memory = Buffer.allocUnsafe(2 * bytes.length);
    bytes.copy(this.#memory);
  }
}
