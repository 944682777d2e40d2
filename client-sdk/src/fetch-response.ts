/** Answers of the cache as WHATWG responses. */
import { appendCacheStatus, cacheStatusMember } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type { NearEntry } from './near-cache.ts';
import { bodyStream } from './response-body.ts';
import type { LookupBody, LookupResponse } from './transport/index.ts';

/** How a response came about. */
export interface CacheInfo {
  /** The named outcome: the server's, `near-hit` from the client's own memory, or `direct` past the cache. */
  readonly outcome: string;
  /** `SERVICE_NAME:DATA_TYPE:ENDPOINT`; '' when nothing is stored, or not known. */
  readonly key: string;
  /** '' when nothing is stored, or not known. */
  readonly version: string;
  /** How long it may be used again without asking, in milliseconds. */
  readonly freshForMs: number;
}

/** A response that says how it came about. */
export type PannierResponse = Response & { readonly cache: CacheInfo };

/** Statuses without a body: https://fetch.spec.whatwg.org/#null-body-status */
const NULL_BODY = new Set([204, 205, 304]);

interface ResponseParts {
  readonly url: string;
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: LookupBody;
  readonly cache: CacheInfo;
  readonly signal: AbortSignal | undefined;
}

function response({ url, status, headers, body, cache, signal }: ResponseParts): PannierResponse {
  const head = new Headers();
  for (const [name, value] of headers) head.append(name, value);
  const stream = NULL_BODY.has(status) ? null : bodyStream(body, head.get('content-encoding'), signal);
  if (stream === null && body.kind === 'stream') body.cancel();
  return withCacheInfo(new Response(stream, { status, headers: head }), url, cache);
}

/** Adds to a response what its constructor cannot: where it is from and how it came about. */
export function withCacheInfo(bare: Response, url: string, cache: CacheInfo): PannierResponse {
  const value = { url: { value: url }, cache: { value: Object.freeze(cache), enumerable: true } };
  return Object.defineProperties(bare, value) as PannierResponse;
}

/** The server's answer. */
export function lookupResponse(
  answer: LookupResponse,
  url: string,
  signal: AbortSignal | undefined,
): PannierResponse {
  const { status, headers, body, outcome, key, version, freshForMs } = answer;
  return response({ url, status, headers, body, signal, cache: { outcome, key, version, freshForMs } });
}

/** The same response once more, from memory: older by the time it was kept, and saying so. */
export function nearResponse(entry: NearEntry, url: string, now: number): PannierResponse {
  const keptMs = now - entry.storedAtMs;
  const freshForMs = entry.expiresAtMs - now;
  const status = cacheStatusMember('pannier-client', { hit: true, ttlS: freshForMs / 1000 });
  const headers = entry.headers.map(([name, value]) => {
    const lower = name.toLowerCase();
    if (lower === 'age') return [name, String(Number(value) + Math.floor(keptMs / 1000))] as const;
    if (lower === 'cache-status') return [name, appendCacheStatus(value, status)] as const;
    return [name, value] as const;
  });
  const cache = { outcome: 'near-hit', key: '', version: '', freshForMs };
  const body = { kind: 'whole', bytes: entry.body } as const;
  return response({ url, status: entry.status, headers, body, cache, signal: undefined });
}
