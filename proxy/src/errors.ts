/** Every failure that the proxy itself tells of: one class, one closed list of codes, mapped once to an HTTP status. */

/** Codes of {@link ProxyError}. */
export type ProxyErrorCode =
  /** The request is not one that a proxy can read. */
  | 'bad-request'
  /** A scheme other than http and https. */
  | 'unsupported-scheme'
  /** A request for the proxy itself whose path is no reverse route. */
  | 'no-route'
  /** The request has been through this very proxy before. */
  | 'loop'
  /** A cloud metadata address, or Pannier itself. */
  | 'forbidden-target'
  /** The client's head is over `limits.headerBytesMax`. */
  | 'head-too-large'
  /** The client took too long to send its head. */
  | 'request-timeout'
  /** The client forbade asking the upstream, and nothing is at hand. */
  | 'only-if-cached'
  /** No cache server answers, and the operator chose not to ask the upstream instead. */
  | 'server-unavailable'
  /** No cache server answers, and this proxy's part of the upstream's limits is taken. */
  | 'upstream-limited'
  /** Name resolution, connection or TLS failed. */
  | 'upstream-unreachable'
  | 'upstream-timeout'
  /** The upstream ended the body before it was complete. */
  | 'upstream-truncated'
  /** The upstream sent something that is not HTTP, or a head over the limit. */
  | 'upstream-protocol'
  /** A defect of our own. */
  | 'internal';

const HTTP_STATUS: Record<ProxyErrorCode, number> = {
  'bad-request': 400,
  'unsupported-scheme': 400,
  'no-route': 400,
  loop: 508,
  'forbidden-target': 403,
  'head-too-large': 431,
  'request-timeout': 408,
  'only-if-cached': 504,
  'server-unavailable': 503,
  'upstream-limited': 503,
  'upstream-unreachable': 502,
  'upstream-timeout': 504,
  'upstream-truncated': 502,
  'upstream-protocol': 502,
  internal: 500,
};

/** A failure whose message is one line for the person who reads the response. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: ProxyErrorCode;
  /** Error type for the `Proxy-Status` field (RFC 9209 §2.3), for example `connection_refused`; '' when none fits. */
  readonly proxyError: string;
  /** When asking again may be of use, in milliseconds; 0 when nothing is known. */
  readonly retryAfterMs: number;

  constructor(
    code: ProxyErrorCode,
    message: string,
    options: { cause?: unknown; proxyError?: string; retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.proxyError = options.proxyError ?? '';
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }

  get httpStatus(): number {
    return HTTP_STATUS[this.code];
  }
}
