/** What `client.fetch` was asked for, as a lookup. */
import type { Header } from '@pannier/http-semantics';
import { requestBypass, requestDirectives } from '@pannier/http-semantics';
import type { LookupRequest } from './transport/index.ts';

/** A request on its way to the cache, or past it. */
export interface FetchRequest {
  readonly lookup: LookupRequest;
  readonly signal: AbortSignal | undefined;
  readonly redirect: NonNullable<RequestInit['redirect']>;
  /** Whether the cache may be asked at all: it answers GETs without a body. */
  readonly cacheable: boolean;
  /** Whether a response from memory would do. */
  readonly nearCacheable: boolean;
}

/** Cache modes of the Fetch standard that ask for something: https://fetch.spec.whatwg.org/#concept-request-cache-mode */
const CACHE_MODE: Partial<Record<string, Header>> = {
  'no-store': ['Cache-Control', 'no-store'],
  reload: ['Cache-Control', 'no-cache'],
  'no-cache': ['Cache-Control', 'max-age=0'],
  'only-if-cached': ['Cache-Control', 'only-if-cached'],
};

/**
 * Reads the arguments of `fetch`.
 *
 * @throws TypeError for a URL that is none or not http(s), as `fetch` does
 */
export function fetchRequest(input: string | URL, init: RequestInit): FetchRequest {
  const url = new URL(input);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`${url.protocol}//… is neither http nor https`);
  }
  // A fragment never leaves the client: https://www.rfc-editor.org/rfc/rfc9110#section-4.2.5
  url.hash = '';
  const method = (init.method ?? 'GET').toUpperCase();
  const headers: Header[] = [...new Headers(init.headers)];
  const mode = CACHE_MODE[init.cache ?? 'default'];
  if (mode !== undefined) headers.push(mode);
  const hasBody = init.body !== undefined && init.body !== null;
  const { forceRevalidate, onlyIfCached, maxAgeS, minFreshS } = requestDirectives(headers);
  const plain = !forceRevalidate && !onlyIfCached && maxAgeS === undefined && minFreshS === undefined;
  const conditional = headers.some(([name]) => name.startsWith('if-'));
  return {
    lookup: { method, url: url.href, headers },
    signal: init.signal ?? undefined,
    redirect: init.redirect ?? 'follow',
    cacheable: method === 'GET' && !hasBody,
    nearCacheable: plain && !conditional && requestBypass(method, headers) === undefined,
  };
}

/**
 * Under which name a response is kept near: its URL, and on further lines its headers. Any of them may select another response, and only
 * the server knows which do.
 */
export function nearKey({ url, headers }: LookupRequest): string {
  return [url, ...headers.map(([name, value]) => `${name}: ${value}`)].join('\n');
}
