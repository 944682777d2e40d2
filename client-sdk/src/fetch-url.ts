/** `client.fetch`: near cache, cache server, or the upstream itself. */
import { invalidatedUrls } from '@pannier/http-semantics';
import { PannierError } from './errors.ts';
import { fetchRequest, nearKey } from './fetch-request.ts';
import type { FetchRequest } from './fetch-request.ts';
import { lookupResponse, nearResponse, withCacheInfo } from './fetch-response.ts';
import type { PannierResponse } from './fetch-response.ts';
import type { NearCache } from './near-cache.ts';
import { outdateUrls } from './outdate-urls.ts';
import type { LookupResponse, Transport } from './transport/index.ts';

/** What it needs. */
export interface FetchDeps {
  readonly transport: Transport;
  readonly nearCache: NearCache;
  readonly onBypass: 'direct' | 'error';
  /** That the servers could not be told of a write. */
  readonly onFailure: (error: unknown) => void;
}

/** https://fetch.spec.whatwg.org/#http-redirect-fetch */
const REDIRECTS_MAX = 20;
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);

/** See `PannierClient.fetch`. */
export async function fetchUrl(
  input: string | URL,
  init: RequestInit,
  deps: FetchDeps,
): Promise<PannierResponse> {
  let request = fetchRequest(input, init);
  request.signal?.throwIfAborted();
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetchOnce(request, init, deps);
    const target = redirectTarget(response, request);
    if (target === undefined) return redirects === 0 ? response : asRedirected(response);
    await response.body?.cancel();
    if (request.redirect === 'error') throw new TypeError(`a redirect to ${target.href} was not expected`);
    if (redirects === REDIRECTS_MAX) throw new TypeError(`more than ${REDIRECTS_MAX} redirects`);
    // What the cache mode asks for stands among the headers already.
    request = fetchRequest(target, { ...init, headers: headersFor(target, request), cache: 'default' });
  }
}

async function fetchOnce(
  request: FetchRequest,
  init: RequestInit,
  deps: FetchDeps,
): Promise<PannierResponse> {
  const { lookup, signal } = request;
  if (!request.cacheable) return write(request, init, deps);
  const key = nearKey(lookup);
  const near = request.nearCacheable ? deps.nearCache.get(key) : undefined;
  if (near !== undefined) return nearResponse(near, lookup.url, Date.now());
  const { removals } = deps.nearCache;
  const answer = await deps.transport.lookup(lookup, { signal });
  if (answer.kind === 'bypass') {
    if (deps.onBypass === 'direct') return direct(request, init, answer.reason);
    throw new PannierError('unavailable', `the server leaves ${lookup.url} to the client: ${answer.reason}`);
  }
  if (request.nearCacheable && deps.nearCache.isCurrent(key, removals)) keepNear(key, answer, deps.nearCache);
  return lookupResponse(answer, lookup.url, signal);
}

function keepNear(key: string, answer: LookupResponse, nearCache: NearCache): void {
  const { status, headers, body, freshForMs } = answer;
  if (status !== 200 || body.kind !== 'whole' || freshForMs <= 0) return;
  const storedAtMs = Date.now();
  const expiresAtMs = storedAtMs + freshForMs;
  nearCache.set(key, { status, headers, body: body.bytes, storedAtMs, expiresAtMs, source: answer });
}

/** What is no GET goes past the cache, which then forgets what it makes out of date. */
async function write(request: FetchRequest, init: RequestInit, deps: FetchDeps): Promise<PannierResponse> {
  const response = await direct(request, init, 'bypass-method');
  const { method, url } = request.lookup;
  const urls = invalidatedUrls(method, url, { status: response.status, headers: [...response.headers] });
  const { transport, nearCache: near, onFailure } = deps;
  if (urls.length > 0) await outdateUrls(urls, urls, { transport, near, onFailure });
  return response;
}

/** The upstream's own answer, by the runtime's `fetch`, which follows redirects too. */
async function direct(
  { lookup, signal }: FetchRequest,
  init: RequestInit,
  outcome: string,
): Promise<PannierResponse> {
  const headers = lookup.headers as [string, string][];
  try {
    const response = await globalThis.fetch(lookup.url, { ...init, headers, cache: 'default' });
    return withCacheInfo(response, response.url, { outcome, key: '', version: '', freshForMs: 0 });
  } catch (error) {
    signal?.throwIfAborted();
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PannierError('upstream-unreachable', `${lookup.url}: ${reason}`, {
      cause: error,
      httpStatus: 502,
    });
  }
}

function redirectTarget(response: Response, { lookup, redirect }: FetchRequest): URL | undefined {
  const location = response.headers.get('location');
  if (!REDIRECT_STATUS.has(response.status) || location === null || redirect === 'manual') return undefined;
  return new URL(location, lookup.url);
}

/** Credentials stay with the origin that they were given for. */
function headersFor(target: URL, { lookup }: FetchRequest): Headers {
  const headers = new Headers(lookup.headers as [string, string][]);
  if (target.origin === new URL(lookup.url).origin) return headers;
  for (const name of ['authorization', 'cookie', 'proxy-authorization', 'host']) headers.delete(name);
  return headers;
}

function asRedirected(response: PannierResponse): PannierResponse {
  return Object.defineProperty(response, 'redirected', { value: true });
}
