import {
  appendCacheStatus,
  appendVia,
  cacheStatusMember,
  getHeader,
  withoutHeaders,
} from '@pannier/http-semantics';
import type { CacheStatusParams, HeaderList } from '@pannier/http-semantics';

/** What the proxy calls itself in `Cache-Status` and `Proxy-Status`; `Via` has a name of this one instance. */
export const CACHE_NAME = 'pannier-proxy';

const CACHE_STATUS: ReadonlySet<string> = new Set(['cache-status']);

/**
 * A response's head for the client: its lines as they came, then our `Via`, then `Cache-Status` with our member behind those
 * nearer to the origin. Hop-by-hop fields are already gone.
 */
export function clientHead(headers: HeaderList, pseudonym: string, params: CacheStatusParams): HeaderList {
  const member = cacheStatusMember(CACHE_NAME, params);
  const status = appendCacheStatus(getHeader(headers, 'cache-status'), member);
  return [...appendVia(withoutHeaders(headers, CACHE_STATUS), pseudonym), ['cache-status', status]];
}

/** Node's form of a head that keeps order, case and repeated names: one flat list. */
export function flatHead(headers: HeaderList): string[] {
  return headers.flatMap(([name, value]) => [name, value]);
}

/** A head as Node or undici hands it over: names and values in turn. */
export function headerPairs(raw: readonly string[]): HeaderList {
  return Array.from({ length: raw.length >> 1 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? '']);
}
