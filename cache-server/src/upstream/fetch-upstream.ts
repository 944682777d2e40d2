/** One GET or HEAD to an upstream: no redirect followed, no cookie kept, no proxy of the environment used. */
import { hasHeader } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import { CacheServerError } from '../errors.ts';
import { isStaleConnection } from './network-error.ts';
import type { Upstream } from './upstream-registry.ts';
import { UpstreamExchange } from './upstream-response.ts';
import type { UpstreamResponse } from './upstream-response.ts';

/** What to ask of an upstream. */
export interface UpstreamRequest {
  readonly method?: 'GET' | 'HEAD';
  readonly upstream: Upstream;
  /** The upstream's own origin, which Host is made from, and behind it path and query as they are to be sent. */
  readonly url: string;
  /** All that is sent besides Host, Connection, Via and, unless it is among them, User-Agent. */
  readonly headers: HeaderList;
  /** Ends the exchange, body included. */
  readonly signal: AbortSignal;
}

const USER_AGENT = 'pannier/0.1';

/**
 * Sends the request and waits for the head.
 *
 * @throws CacheServerError `upstream-unreachable`, `upstream-timeout`, `upstream-protocol`, `forbidden-target`, or the signal's reason
 */
export async function fetchUpstream(request: UpstreamRequest): Promise<UpstreamResponse> {
  const first = startExchange(request);
  try {
    return await first.response;
  } catch (error) {
    // A kept connection that the upstream closed just now; GET may be sent again, once.
    // https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1
    if (request.signal.aborted || !isStaleConnection(first.failure)) throw error;
    return await startExchange(request).response;
  }
}

function startExchange({
  method = 'GET',
  upstream,
  url,
  headers,
  signal,
}: UpstreamRequest): UpstreamExchange {
  const { origin, host } = new URL(url);
  const place = `${upstream.name} (${host})`;
  const exchange = new UpstreamExchange({ place, method, closeDelimited: upstream.closeDelimited });
  const abort = (): void => exchange.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });

  // Counts also the wait for a connection, which undici's own timeout for the head does not.
  const timer = setTimeout(() => {
    const waited = `upstream ${place} did not answer within ${upstream.fetchTimeoutMs} ms`;
    exchange.abort(new CacheServerError('upstream-timeout', waited, { proxyError: 'http_response_timeout' }));
  }, upstream.fetchTimeoutMs);
  exchange.response
    .catch(() => signal.removeEventListener('abort', abort))
    .finally(() => clearTimeout(timer));

  const own = [
    ...(hasHeader(headers, 'user-agent') ? [] : [['user-agent', USER_AGENT]]),
    ['via', `1.1 ${upstream.viaName}`],
  ];
  const options = {
    origin,
    // Not what a URL parser makes of it: https://www.rfc-editor.org/rfc/rfc9110#section-7.7
    path: url.slice(origin.length),
    method,
    headers: [...headers, ...own].flat(),
    headersTimeout: 0,
    bodyTimeout: upstream.idleTimeoutMs,
  };
  upstream.dispatcher.dispatch(options, exchange);
  return exchange;
}
