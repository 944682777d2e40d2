import { ProxyError } from './errors.ts';
import type { ProxyErrorCode } from './errors.ts';

/** What to say of a system, TLS or HTTP client error: our code, the type of RFC 9209 §2.3, and the reason in words. */
type Diagnosis = readonly [code: ProxyErrorCode, proxyError: string, reason: string];

const BY_CODE: Readonly<Record<string, Diagnosis>> = {
  ENOTFOUND: ['upstream-unreachable', 'dns_error', 'the name does not resolve'],
  EAI_AGAIN: ['upstream-unreachable', 'dns_timeout', 'name resolution failed for now'],
  ECONNREFUSED: ['upstream-unreachable', 'connection_refused', 'connection refused'],
  ECONNRESET_BY_UPSTREAM: ['upstream-unreachable', 'connection_terminated', 'the connection was reset'],
  ECONNRESET: ['upstream-unreachable', 'connection_terminated', 'the connection was reset'],
  EPIPE: ['upstream-unreachable', 'connection_terminated', 'the connection was closed'],
  UND_ERR_SOCKET: ['upstream-unreachable', 'connection_terminated', 'the connection was closed'],
  EHOSTUNREACH: ['upstream-unreachable', 'destination_ip_unroutable', 'no route to the host'],
  ENETUNREACH: ['upstream-unreachable', 'destination_ip_unroutable', 'the network is unreachable'],
  ETIMEDOUT: ['upstream-timeout', 'connection_timeout', 'the connection was not answered'],
  ECONNECT_TIMEOUT: ['upstream-timeout', 'connection_timeout', 'the connection was not answered'],
  UND_ERR_CONNECT_TIMEOUT: ['upstream-timeout', 'connection_timeout', 'the connection was not answered'],
  UND_ERR_HEADERS_TIMEOUT: ['upstream-timeout', 'http_response_timeout', 'no response in time'],
  UND_ERR_BODY_TIMEOUT: ['upstream-timeout', 'http_response_timeout', 'the body stopped arriving'],
  HPE_HEADER_OVERFLOW: ['upstream-protocol', 'http_response_header_section_size', 'its head is too long'],
  UND_ERR_HEADERS_OVERFLOW: [
    'upstream-protocol',
    'http_response_header_section_size',
    'its head is too long',
  ],
  EPROTO: ['upstream-unreachable', 'tls_protocol_error', 'the TLS handshake failed'],
  ADDRESS_REFUSED: [
    'forbidden-target',
    'destination_ip_prohibited',
    'it leads to an address that is not allowed',
  ],
};

/** OpenSSL's verification failures; a closed list would miss some, and all of them mean the same to a client. */
const CERTIFICATE_CODE = /^(?:CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|ERR_TLS_CERT_|HOSTNAME_)/;

/**
 * Names what went wrong on the way to an upstream, whichever client noticed it.
 *
 * @param upstream host and port for the message
 */
export function upstreamFailure(error: unknown, upstream: string): ProxyError {
  if (error instanceof ProxyError) return error;
  const code = errorCode(error);
  const [proxyCode, proxyError, reason] = diagnose(code);
  const detail = code === '' ? '' : ` (${code})`;
  return new ProxyError(proxyCode, `cannot reach ${upstream}: ${reason}${detail}`, {
    cause: error,
    proxyError,
  });
}

function diagnose(code: string): Diagnosis {
  const known = BY_CODE[code];
  if (known !== undefined) return known;
  if (CERTIFICATE_CODE.test(code))
    return ['upstream-unreachable', 'tls_certificate_error', 'its certificate is not trusted'];
  if (code.startsWith('ERR_SSL_'))
    return ['upstream-unreachable', 'tls_protocol_error', 'the TLS handshake failed'];
  if (code.startsWith('HPE_') || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
    return ['upstream-protocol', 'http_protocol_error', 'it does not speak HTTP/1.1 properly'];
  return ['upstream-unreachable', 'proxy_internal_response', 'the request failed'];
}

/** The code of the error or of what caused it: undici wraps, and an attempt at several addresses is an AggregateError. */
function errorCode(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return '';
}
