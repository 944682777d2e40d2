/** What went wrong on the way to an upstream, in the server's own words. */
import { RuntimeError } from '@pannier/runtime';
import { CacheServerError } from '../errors.ts';
import type { CacheServerErrorCode } from '../errors.ts';

/** Whether the head had arrived: a connection lost before it is an upstream out of reach, after it a body cut short. */
export type ExchangeStage = 'head' | 'body';

interface Verdict {
  readonly code: CacheServerErrorCode;
  /** RFC 9209 §2.3 */
  readonly proxyError: string;
  readonly what: string;
}

const unreachable = (proxyError: string, what: string): Verdict => ({
  code: 'upstream-unreachable',
  proxyError,
  what,
});
const timeout = (proxyError: string, what: string): Verdict => ({
  code: 'upstream-timeout',
  proxyError,
  what,
});
const TRUNCATED: Verdict = {
  code: 'upstream-truncated',
  proxyError: 'http_response_incomplete',
  what: 'broke off in the middle of the body',
};
const TERMINATED = unreachable('connection_terminated', 'closed the connection without an answer');

/** By the `code` of Node's and undici's errors. */
const VERDICTS: Readonly<Record<string, Verdict>> = {
  ENOTFOUND: unreachable('dns_error', 'has no address in DNS'),
  EAI_AGAIN: unreachable('dns_timeout', 'could not be looked up in DNS'),
  ECONNREFUSED: unreachable('connection_refused', 'refused the connection'),
  EHOSTUNREACH: unreachable('destination_ip_unroutable', 'has no route to it'),
  ENETUNREACH: unreachable('destination_ip_unroutable', 'has no route to it'),
  ETIMEDOUT: timeout('connection_timeout', 'did not accept the connection in time'),
  UND_ERR_CONNECT_TIMEOUT: timeout('connection_timeout', 'did not accept the connection in time'),
  UND_ERR_HEADERS_TIMEOUT: timeout('http_response_timeout', 'did not answer in time'),
  UND_ERR_BODY_TIMEOUT: timeout('connection_read_timeout', 'paused too long in the middle of the body'),
  EPROTO: unreachable('tls_protocol_error', 'does not speak TLS as it should'),
  UND_ERR_HEADERS_OVERFLOW: {
    code: 'upstream-protocol',
    proxyError: 'http_response_header_section_size',
    what: 'sent a head over limits.headerBytesMax',
  },
  UND_ERR_INVALID_ARG: {
    code: 'bad-request',
    proxyError: 'http_request_error',
    what: 'cannot be sent such a request',
  },
  UND_ERR_MAX_ORIGINS_REACHED: {
    code: 'limit-exceeded',
    proxyError: 'connection_limit_reached',
    what: 'is one origin too many at once',
  },
};

const PROTOCOL: Verdict = {
  code: 'upstream-protocol',
  proxyError: 'http_protocol_error',
  what: 'does not speak HTTP as it should',
};
const CERTIFICATE = unreachable('tls_certificate_error', 'shows a certificate that is not trusted');
const CERTIFICATE_CODE = /^CERT_|^ERR_TLS_CERT|_CERT(?:_|$)|^UNABLE_TO_|SELF_SIGNED|^HOSTNAME_MISMATCH/;

/**
 * The one error that a failed exchange with an upstream becomes; its message names upstream and host.
 *
 * @param place the upstream's name and the host, e.g. `geo (api.example:8443)`
 */
export function networkError(cause: unknown, stage: ExchangeStage, place: string): CacheServerError {
  if (cause instanceof CacheServerError) return cause;
  if (cause instanceof RuntimeError && cause.code === 'ADDRESS_REFUSED')
    return forbiddenTarget(cause.message, cause);
  const { code, proxyError, what } = verdictOn(codeOf(cause), stage);
  return new CacheServerError(code, `upstream ${place} ${what}`, { cause, proxyError });
}

/** A target that may not be fetched from. */
export function forbiddenTarget(message: string, cause?: unknown): CacheServerError {
  return new CacheServerError('forbidden-target', message, {
    cause,
    proxyError: 'destination_ip_prohibited',
  });
}

/** Whether a request that failed so may be sent once more: the connection had served before and was closed meanwhile. */
export function isStaleConnection(cause: unknown): boolean {
  if (!(cause instanceof Error) || !('socket' in cause)) return codeOf(cause) === 'EPIPE';
  const socket = cause.socket as { bytesRead?: number } | null;
  return (socket?.bytesRead ?? 0) > 0;
}

function verdictOn(code: string, stage: ExchangeStage): Verdict {
  const known = VERDICTS[code];
  if (known !== undefined) return known;
  if (CERTIFICATE_CODE.test(code)) return CERTIFICATE;
  if (/^ERR_(?:SSL|TLS)/.test(code))
    return unreachable('tls_protocol_error', 'does not speak TLS as it should');
  if (code.startsWith('HPE_')) return PROTOCOL;
  return stage === 'head' ? TERMINATED : TRUNCATED;
}

/** Happy eyeballs reports one failure for each address; the first speaks for all. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  // undici gives its parser's errors no code; an end of the stream that the parser did not expect is a body cut short.
  if (error.name === 'HTTPParserError') return error.message.includes('EOF') ? '' : 'HPE_REFUSED';
  return error instanceof AggregateError ? codeOf(error.errors[0]) : '';
}
