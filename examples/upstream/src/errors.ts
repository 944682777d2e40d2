/** Codes of {@link UpstreamError}; the first four answer a request, the last three stop the start. */
export type UpstreamErrorCode =
  | 'bad-request'
  | 'not-found'
  | 'method-not-allowed'
  | 'too-large'
  | 'port-busy'
  | 'listen-failed'
  | 'cities-unusable';

const httpStatus: Record<UpstreamErrorCode, number> = {
  'bad-request': 400,
  'not-found': 404,
  'method-not-allowed': 405,
  'too-large': 413,
  'port-busy': 500,
  'listen-failed': 500,
  'cities-unusable': 500,
};

/** A failure with a code and one line for people that names the field, path or port at fault. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly code: UpstreamErrorCode;

  constructor(code: UpstreamErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }

  /** Status that the HTTP client sees. */
  get httpStatus(): number {
    return httpStatus[this.code];
  }
}
