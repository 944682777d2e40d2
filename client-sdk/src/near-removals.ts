/** What a client itself has written: its own near cache forgets it at once, long before the servers' log says so. */
import { LRUCache } from 'lru-cache';

/** What the removals that are remembered one by one may take; of the older ones it is known only that there were some. */
const REMOVALS_BYTES_MAX = 1024 * 1024;
const REMOVAL_OVERHEAD_BYTES = 256;

/** A URL by which everything about it is found: the host in the case that all its spellings share, path and query as they are. */
export function comparableUrl(written: string): string {
  const [, place = '', rest = ''] = /^(https?:\/\/[^/?#]*)(.*)$/is.exec(written) ?? [];
  const origin = URL.parse(place)?.origin;
  return origin === undefined ? written : origin + rest;
}

/** Counts removals by URL, for those that are still waiting for an answer from before. */
export class RemovalLog {
  #count = 0;
  #forgotten = 0;
  readonly #byUrl = new LRUCache<string, number>({
    maxSize: REMOVALS_BYTES_MAX,
    sizeCalculation: (_count, url) => REMOVAL_OVERHEAD_BYTES + url.length,
    dispose: (count, _url, reason) => {
      if (reason === 'evict') this.#forgotten = Math.max(this.#forgotten, count);
    },
  });

  /** Removals so far. */
  get count(): number {
    return this.#count;
  }

  add(url: string): void {
    this.#count += 1;
    this.#byUrl.set(url, this.#count);
  }

  addAll(): void {
    this.#count += 1;
    this.#forgotten = this.#count;
    this.#byUrl.clear();
  }

  lastOf(url: string): number {
    return Math.max(this.#forgotten, this.#byUrl.peek(url) ?? 0);
  }
}
