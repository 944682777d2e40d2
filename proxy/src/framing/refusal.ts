/**
 * A request that is not forwarded because of its form, and what its sender is told. The connection always ends behind it: where
 * one reader went astray, nobody can say where the next request begins.
 */
export interface Refusal {
  readonly httpStatus: 400 | 417 | 501 | 505;
  /** One line for people. */
  readonly message: string;
  /** Error type of RFC 9209 §2.3; '' where it has none. */
  readonly proxyError: string;
}

/** @param httpStatus 400 unless an RFC has a better word */
export function refusal(message: string, httpStatus: Refusal['httpStatus'] = 400): Refusal {
  return { httpStatus, message, proxyError: httpStatus < 500 ? 'http_request_error' : '' };
}
