/** The one place where a CacheServerError becomes a gRPC status or an error frame. */
import { ErrorCode } from '@pannier/proto';
import { Metadata, status } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { asCacheServerError } from '../errors.ts';
import type { CacheServerErrorCode } from '../errors.ts';

const WIRE: Record<CacheServerErrorCode, { status: status; code: ErrorCode }> = {
  'bad-request': { status: status.INVALID_ARGUMENT, code: ErrorCode.BAD_REQUEST },
  'forbidden-target': { status: status.PERMISSION_DENIED, code: ErrorCode.FORBIDDEN_TARGET },
  'not-found': { status: status.NOT_FOUND, code: ErrorCode.NOT_FOUND },
  'upstream-unreachable': { status: status.UNAVAILABLE, code: ErrorCode.UPSTREAM_UNREACHABLE },
  'upstream-timeout': { status: status.DEADLINE_EXCEEDED, code: ErrorCode.UPSTREAM_TIMEOUT },
  'upstream-truncated': { status: status.ABORTED, code: ErrorCode.UPSTREAM_TRUNCATED },
  'upstream-protocol': { status: status.UNAVAILABLE, code: ErrorCode.UPSTREAM_PROTOCOL },
  'upstream-limited': { status: status.RESOURCE_EXHAUSTED, code: ErrorCode.UPSTREAM_LIMITED },
  'upstream-paused': { status: status.UNAVAILABLE, code: ErrorCode.UPSTREAM_PAUSED },
  'wait-limited': { status: status.RESOURCE_EXHAUSTED, code: ErrorCode.WAIT_LIMITED },
  'limit-exceeded': { status: status.RESOURCE_EXHAUSTED, code: ErrorCode.LIMIT_EXCEEDED },
  'reader-lagged': { status: status.ABORTED, code: ErrorCode.READER_LAGGED },
  store: { status: status.UNAVAILABLE, code: ErrorCode.STORE },
  deadline: { status: status.DEADLINE_EXCEEDED, code: ErrorCode.DEADLINE },
  cancelled: { status: status.CANCELLED, code: ErrorCode.CANCELLED },
  draining: { status: status.UNAVAILABLE, code: ErrorCode.DRAINING },
  unimplemented: { status: status.UNIMPLEMENTED, code: ErrorCode.UNIMPLEMENTED },
  'bad-data': { status: status.FAILED_PRECONDITION, code: ErrorCode.BAD_DATA },
  internal: { status: status.INTERNAL, code: ErrorCode.INTERNAL },
};

/** The status of a failed call. The trailer `pannier-error-code` carries the code's own name. */
export function grpcError(error: unknown): Partial<ServiceError> {
  const ours = asCacheServerError(error);
  const metadata = new Metadata();
  metadata.set('pannier-error-code', ours.code);
  if (ours.proxyError !== '') metadata.set('pannier-proxy-error', ours.proxyError);
  if (ours.retryAfterMs > 0) metadata.set('pannier-retry-after-ms', String(ours.retryAfterMs));
  return { code: WIRE[ours.code].status, details: ours.message, metadata };
}

/** What an error frame says, ready for `create`. */
export function errorFrame(error: unknown): {
  code: ErrorCode;
  message: string;
  httpStatus: number;
  proxyError: string;
  retryAfterMs: number;
} {
  const ours = asCacheServerError(error);
  return {
    code: WIRE[ours.code].code,
    message: ours.message,
    httpStatus: ours.httpStatus,
    proxyError: ours.proxyError,
    retryAfterMs: Math.ceil(ours.retryAfterMs),
  };
}
