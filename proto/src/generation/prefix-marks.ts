/** Marks of URL prefixes, found by their lengths: a URL is cut once for each length that there is. */
import { joined, marked, NO_MARKS } from './marks.ts';
import type { Marks } from './marks.ts';
import type { GenerationMode } from './generation.ts';

/** See the head of this file. */
export class PrefixMarks {
  readonly #max: number;
  /** The one that was marked longest ago first. */
  readonly #marks = new Map<string, Marks>();
  /** How many prefixes there are of a length. */
  readonly #lengths = new Map<number, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** @returns the marks of a prefix that had to go, and that must be remembered in another way */
  add(prefix: string, mode: GenerationMode, sequence: number): Marks | undefined {
    const former = this.#remove(prefix);
    this.#marks.set(prefix, marked(former ?? NO_MARKS, mode, sequence));
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
    if (this.#marks.size <= this.#max) return undefined;
    const [oldest = prefix] = this.#marks.keys();
    return this.#remove(oldest);
  }

  /** The marks of all prefixes of a URL together. */
  of(url: string): Marks {
    let marks = NO_MARKS;
    for (const length of this.#lengths.keys()) {
      if (length > url.length) continue;
      const found = this.#marks.get(url.slice(0, length));
      if (found !== undefined) marks = joined(marks, found);
    }
    return marks;
  }

  clear(): void {
    this.#marks.clear();
    this.#lengths.clear();
  }

  #remove(prefix: string): Marks | undefined {
    const marks = this.#marks.get(prefix);
    if (marks === undefined) return undefined;
    this.#marks.delete(prefix);
    const left = (this.#lengths.get(prefix.length) ?? 1) - 1;
    if (left === 0) this.#lengths.delete(prefix.length);
    else this.#lengths.set(prefix.length, left);
    return marks;
  }
}
