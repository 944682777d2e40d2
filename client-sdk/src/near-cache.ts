/** The small in-memory tier of a proxy or an SDK client: whole bodies, bounded in bytes, for as long as the server allows. */
import { LRUCache } from 'lru-cache';
import { storedFields } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';

/** A response that may be used again without asking. Times in milliseconds on the cache's own clock. */
export interface NearEntry {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
}

/** Limits in bytes. */
export interface NearCacheOptions {
  /** What all entries together may take; 0 turns the cache off. */
  readonly bytesMax: number;
  /** What one entry may take, head included. */
  readonly entryBytesMax: number;
  /** Milliseconds; default `Date.now`. */
  readonly now?: () => number;
}

/** A near cache. */
export interface NearCache {
  /** The entry, while it is fresh. */
  get(key: string): NearEntry | undefined;
  /** The entry, also for a while after it has expired: for when nobody can be asked. Whether it may be used is the caller's to judge. */
  getStale(key: string, staleMsMax: number): NearEntry | undefined;
  /** Keeps an entry, a copy of its body included, but for the fields that it says are for one caller; false when it is too large, has expired already, or the cache is off. */
  set(key: string, entry: NearEntry): boolean;
  /** True when there was one. */
  delete(key: string): boolean;
  /**
   * Removes every entry whose key is that URL, whatever the case of its host, or that URL and, on further lines, the headers that tell
   * its entries apart.
   */
  deleteUrl(url: string): void;
  /** Removals by URL so far. */
  readonly removals: number;
  /**
   * False when the key's URL may have been removed since there were that many removals: what was asked for then may be older than the
   * write that outdated it, and is neither to be kept nor to be shared with those who ask now.
   */
  isCurrent(key: string, removals: number): boolean;
  clear(): void;
  readonly entries: number;
  readonly bytes: number;
}

/** What an entry costs beyond its texts and its body: objects, the list node, the map slot. */
const ENTRY_OVERHEAD_BYTES = 256;
const HEADER_OVERHEAD_BYTES = 64;

function entryBytes(key: string, { headers, body }: NearEntry): number {
  let bytes = ENTRY_OVERHEAD_BYTES + key.length + body.byteLength;
  for (const [name, value] of headers) bytes += HEADER_OVERHEAD_BYTES + name.length + value.length;
  return bytes;
}

/** What the removals that are remembered one by one may take; of the older ones it is known only that there were some. */
const REMOVALS_BYTES_MAX = 1024 * 1024;

/** The URL in a key, by which all entries that a write outdates are found; the host in the case that all its spellings share. */
function urlIn(key: string): string {
  const [url = ''] = key.split('\n', 1);
  const [, place = '', rest = ''] = /^(https?:\/\/[^/?#]*)(.*)$/is.exec(url) ?? [];
  const origin = URL.parse(place)?.origin;
  return origin === undefined ? url : origin + rest;
}

/** Counts removals by URL, for those that are still waiting for an answer from before. */
class RemovalLog {
  #count = 0;
  #forgotten = 0;
  readonly #byUrl = new LRUCache<string, number>({
    maxSize: REMOVALS_BYTES_MAX,
    sizeCalculation: (_count, url) => ENTRY_OVERHEAD_BYTES + url.length,
    dispose: (count, _url, reason) => {
      if (reason === 'evict') this.#forgotten = Math.max(this.#forgotten, count);
    },
  });

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

/** Makes a near cache; the entries used longest ago go first. */
export function createNearCache({ bytesMax, entryBytesMax, now = Date.now }: NearCacheOptions): NearCache {
  // lru-cache refuses a size of 0; a cache that is off is one that never takes an entry.
  const keysOfUrl = new Map<string, Set<string>>();
  const removals = new RemovalLog();
  const cache = new LRUCache<string, NearEntry>({
    maxSize: Math.max(1, bytesMax),
    dispose: (_entry, key, reason) => {
      if (reason === 'set') return;
      const url = urlIn(key);
      const keys = keysOfUrl.get(url);
      if (keys?.delete(key) === true && keys.size === 0) keysOfUrl.delete(url);
    },
  });
  const entryMax = Math.min(bytesMax, entryBytesMax);
  return {
    get(key) {
      const entry = cache.get(key);
      return entry !== undefined && now() < entry.expiresAtMs ? entry : undefined;
    },
    getStale(key, staleMsMax) {
      const entry = cache.get(key);
      if (entry === undefined || now() < entry.expiresAtMs + staleMsMax) return entry;
      cache.delete(key);
      return undefined;
    },
    set(key, entry) {
      const size = entryBytes(key, entry);
      if (size > entryMax || entry.expiresAtMs <= now()) {
        // What is newer and cannot be kept has still replaced what is older.
        cache.delete(key);
        return false;
      }
      // A copy: the body may be a view of a far larger receive buffer.
      const headers = storedFields(entry.headers);
      cache.set(key, { ...entry, headers, body: new Uint8Array(entry.body) }, { size });
      const url = urlIn(key);
      keysOfUrl.set(url, (keysOfUrl.get(url) ?? new Set()).add(key));
      return true;
    },
    delete: (key) => cache.delete(key),
    deleteUrl(written) {
      const url = urlIn(written);
      removals.add(url);
      for (const key of keysOfUrl.get(url) ?? []) cache.delete(key);
    },
    get removals() {
      return removals.count;
    },
    isCurrent: (key, count) => removals.lastOf(urlIn(key)) <= count,
    clear() {
      removals.addAll();
      cache.clear();
    },
    get entries() {
      return cache.size;
    },
    get bytes() {
      return cache.calculatedSize;
    },
  };
}
