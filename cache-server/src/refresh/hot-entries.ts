/** How often responses were asked for since they were fetched, as far as that is worth knowing. */
import { LRUCache } from 'lru-cache';

const ENTRIES_MAX = 10_000;

/** Of this server alone: what proxies answer from their near caches is not seen here. */
export class HotEntries {
  readonly #hits = new LRUCache<string, { sinceMs: number; count: number }>({
    // By size, since by number the table would have all its room from the start.
    maxSize: ENTRIES_MAX,
    sizeCalculation: () => 1,
  });

  /**
   * Counts a hit.
   *
   * @param sinceMs when the response was fetched, or confirmed; the count begins anew with each
   * @returns how many there have been since, this one included
   */
  hit(key: string, sinceMs: number): number {
    const known = this.#hits.get(key);
    if (known?.sinceMs === sinceMs) return (known.count += 1);
    this.#hits.set(key, { sinceMs, count: 1 });
    return 1;
  }
}
