/** Every failure of the cache server: one class, one closed list of codes, mapped once to HTTP here and once to gRPC in rpc/. */

/** Codes of {@link CacheServerError}; the same words as `ErrorCode` of the contract. */
export type CacheServerErrorCode =
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

const HTTP_STATUS: Record<CacheServerErrorCode, number> = {
  'bad-request': 400,
  'forbidden-target': 403,
  'not-found': 404,
  'upstream-unreachable': 502,
  'upstream-timeout': 504,
  'upstream-truncated': 502,
  'upstream-protocol': 502,
  'upstream-limited': 429,
  'upstream-paused': 503,
  'wait-limited': 503,
  'limit-exceeded': 503,
  'reader-lagged': 503,
  store: 503,
  deadline: 504,
  cancelled: 499,
  draining: 503,
  unimplemented: 501,
  'bad-data': 502,
  internal: 500,
};

/** A failure with a code, a sentence for people that names what is at fault, and the cause. */
export class CacheServerError extends Error {
  override readonly name = 'CacheServerError';
  readonly code: CacheServerErrorCode;
  /** Error type for the `Proxy-Status` field (RFC 9209 §2.3), for example `connection_refused`; '' when none fits. */
  readonly proxyError: string;
  /** When asking again may be of use, in milliseconds; 0 when nothing is known. */
  readonly retryAfterMs: number;
  /** Of a `store` error: the store answered, and what it should hold is missing or damaged. A store that only fails proves nothing. */
  readonly isLost: boolean;

  constructor(
    code: CacheServerErrorCode,
    message: string,
    options: { cause?: unknown; proxyError?: string; retryAfterMs?: number; isLost?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.proxyError = options.proxyError ?? '';
    this.retryAfterMs = options.retryAfterMs ?? 0;
    this.isLost = options.isLost ?? false;
  }

  /** Status that an HTTP client should see. */
  get httpStatus(): number {
    return HTTP_STATUS[this.code];
  }
}

/** The error itself when it is ours, else an `internal` one around it. */
export function asCacheServerError(error: unknown): CacheServerError {
  if (error instanceof CacheServerError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CacheServerError('internal', message, { cause: error });
}

/** Whether something is proved to be missing or damaged in the store, see {@link CacheServerError.isLost}. */
export function isLoss(error: unknown): boolean {
  return error instanceof CacheServerError && error.isLost;
}

/** Whether an error of a store is its answer, for example that its memory is full: it is there, and nothing was done. */
export function isRefusal(error: unknown): boolean {
  // As the client of Redis calls what Redis says, apart from what happens to its connection.
  return (
    error instanceof CacheServerError && error.cause instanceof Error && error.cause.name === 'ReplyError'
  );
}
