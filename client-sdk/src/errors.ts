/** Every failure of the client: one class, one closed list of codes. */

/** Codes of {@link PannierError}. All but the first four come from the server. */
export type PannierErrorCode =
  /** No cache server acknowledged the call in time, or none could be reached. */
  | 'unavailable'
  /** A body broke off and could not be resumed on another replica. */
  | 'body-broken'
  /** The client is closed. */
  | 'closed'
  /** What the server sent does not decode: damaged frame, or a contract that this client does not know. */
  | 'protocol'
  | 'bad-request'
  | 'forbidden-target'
  | 'not-found'
  | 'upstream-unreachable'
  | 'upstream-timeout'
  | 'upstream-truncated'
  | 'upstream-protocol'
  | 'upstream-limited'
  | 'upstream-paused'
  | 'wait-limited'
  | 'limit-exceeded'
  | 'reader-lagged'
  | 'store'
  | 'deadline'
  | 'cancelled'
  | 'draining'
  | 'unimplemented'
  | 'bad-data'
  | 'internal';

/** A failure of the client or of the server, with the server's own sentence. */
export class PannierError extends Error {
  override readonly name = 'PannierError';
  readonly code: PannierErrorCode;
  /** HTTP status that a proxy's client should see; 0 when none fits. */
  readonly httpStatus: number;
  /** Error type for the `Proxy-Status` field (RFC 9209 §2.3); '' when none fits. */
  readonly proxyError: string;
  /** When asking again may be of use, in milliseconds; 0 when nothing is known. */
  readonly retryAfterMs: number;

  constructor(
    code: PannierErrorCode,
    message: string,
    options: { cause?: unknown; httpStatus?: number; proxyError?: string; retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.httpStatus = options.httpStatus ?? 0;
    this.proxyError = options.proxyError ?? '';
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}
