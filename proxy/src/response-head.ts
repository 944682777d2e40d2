import {
  appendCacheStatus,
  appendVia,
  cacheStatusMember,
  getHeader,
  withoutHeaders,
} from '@pannier/http-semantics';
import type { CacheStatusParams, HeaderList } from '@pannier/http-semantics';
import { LastMade } from './last-made.ts';

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

const flatHeads = new LastMade<HeaderList, string, readonly string[]>();

/** {@link clientHead} in Node's form, made once for all who are given the same list and are told the same of it. */
export function sharedHead(
  headers: HeaderList,
  pseudonym: string,
  params: CacheStatusParams,
): readonly string[] {
  const mark = `${pseudonym} ${JSON.stringify(params)}`;
  return flatHeads.of(headers, mark, () => flatHead(clientHead(headers, pseudonym, params)));
}

/** A head as Node or undici hands it over: names and values in turn. */
export function headerPairs(raw: readonly string[]): HeaderList {
  return Array.from({ length: raw.length >> 1 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? '']);
}
