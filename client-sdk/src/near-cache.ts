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
  /** Removes every entry whose key is that URL, or that URL and, on further lines, the headers that tell its entries apart. */
  deleteUrl(url: string): void;
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

/** Makes a near cache; the entries used longest ago go first. */
export function createNearCache({ bytesMax, entryBytesMax, now = Date.now }: NearCacheOptions): NearCache {
  // lru-cache refuses a size of 0; a cache that is off is one that never takes an entry.
  const cache = new LRUCache<string, NearEntry>({ maxSize: Math.max(1, bytesMax) });
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
      return true;
    },
    delete: (key) => cache.delete(key),
    deleteUrl(url) {
      const isOfUrl = (key: string): boolean => key === url || key.startsWith(`${url}\n`);
      for (const key of cache.keys()) if (isOfUrl(key)) cache.delete(key);
    },
    clear: () => cache.clear(),
    get entries() {
      return cache.size;
    },
    get bytes() {
      return cache.calculatedSize;
    },
  };
}
