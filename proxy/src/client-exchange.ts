import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { PannierError } from '@pannier/client/transport';
import { cacheStatusMember } from '@pannier/http-semantics';
import type { CacheStatusParams } from '@pannier/http-semantics';
import { ProxyError } from './errors.ts';
import { CACHE_NAME } from './response-head.ts';

/** One request of a client and the response that is to be written to it. */
export interface ClientExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborted when the client leaves before its response is complete. */
  readonly left: AbortSignal;
}

/** What a failure of either class tells a client. */
export type ToldFailure = Pick<ProxyError | PannierError, 'message' | 'httpStatus' | 'proxyError'> &
  Partial<Pick<PannierError, 'retryAfterMs'>>;

export function openExchange(request: IncomingMessage, response: ServerResponse): ClientExchange {
  const left = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) left.abort(new DOMException('the client left', 'AbortError'));
  });
  return { request, response, left: left.signal };
}

/** The whole response for a failure: status, `Proxy-Status` where RFC 9209 has a word for it, one line for people. */
export function failureHead(
  failure: ToldFailure,
  params?: CacheStatusParams,
): { status: number; headers: Record<string, string | number>; body: string } {
  const body = `pannier: ${failure.message.replaceAll(/\s+/g, ' ')}\n`;
  const headers: Record<string, string | number> = {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  };
  if (params !== undefined) headers['cache-status'] = cacheStatusMember(CACHE_NAME, params);
  if (failure.proxyError !== '') headers['proxy-status'] = `${CACHE_NAME}; error=${failure.proxyError}`;
  const { retryAfterMs = 0 } = failure;
  // In whole seconds, and never too early: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
  if (retryAfterMs > 0) headers['retry-after'] = Math.ceil(retryAfterMs / 1000);
  return { status: failure.httpStatus || 502, headers, body };
}

/**
 * Ends the exchange with a failure: told when the head is still ours to write, else shown by a connection that breaks off,
 * never by a body that ends as if it were whole.
 */
export function endWithFailure(
  { response }: ClientExchange,
  failure: ToldFailure,
  params?: CacheStatusParams,
): void {
  if (response.headersSent) return breakOff(response);
  const { status, headers, body } = failureHead(failure, params);
  response.writeHead(status, headers).end(body);
}

/**
 * Ends the connection in the middle of a body, so that its client sees the break. With HTTP/1.1 a length or a last chunk is missing then,
 * and what was sent still arrives; a client of HTTP/1.0 may take the end of the connection for that of the body, and gets a reset.
 */
export function breakOff(response: ServerResponse): void {
  if (response.writableFinished) return;
  if (response.req.httpVersion !== '1.0' || response.socket === null) response.destroy();
  else response.socket.resetAndDestroy();
}

/** Breaks off as soon as what is piped fails: a pipeline by itself would first end the connection, as if the body were whole. */
export function breakOffWith(source: Readable, response: ServerResponse): void {
  source.prependListener('error', () => breakOff(response));
}

/** Any failure as one that can be told. */
export function asTold(error: unknown): ToldFailure {
  if (error instanceof ProxyError || error instanceof PannierError) return error;
  return new ProxyError('internal', 'a defect of the proxy; its log says more', { cause: error });
}
