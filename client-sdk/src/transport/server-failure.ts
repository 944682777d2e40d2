/** The one place where a gRPC status or an error frame becomes a PannierError. */
import { Metadata, status } from '@grpc/grpc-js';
import { ErrorCode } from '@pannier/proto';
import type { ErrorFrame } from '@pannier/proto';
import { PannierError } from '../errors.ts';
import type { PannierErrorCode } from '../errors.ts';

const CODE_OF_FRAME: Record<ErrorCode, PannierErrorCode> = {
  [ErrorCode.UNSPECIFIED]: 'protocol',
  [ErrorCode.BAD_REQUEST]: 'bad-request',
  [ErrorCode.FORBIDDEN_TARGET]: 'forbidden-target',
  [ErrorCode.NOT_FOUND]: 'not-found',
  [ErrorCode.UPSTREAM_UNREACHABLE]: 'upstream-unreachable',
  [ErrorCode.UPSTREAM_TIMEOUT]: 'upstream-timeout',
  [ErrorCode.UPSTREAM_TRUNCATED]: 'upstream-truncated',
  [ErrorCode.UPSTREAM_PROTOCOL]: 'upstream-protocol',
  [ErrorCode.UPSTREAM_LIMITED]: 'upstream-limited',
  [ErrorCode.UPSTREAM_PAUSED]: 'upstream-paused',
  [ErrorCode.WAIT_LIMITED]: 'wait-limited',
  [ErrorCode.LIMIT_EXCEEDED]: 'limit-exceeded',
  [ErrorCode.READER_LAGGED]: 'reader-lagged',
  [ErrorCode.STORE]: 'store',
  [ErrorCode.DEADLINE]: 'deadline',
  [ErrorCode.CANCELLED]: 'cancelled',
  [ErrorCode.DRAINING]: 'draining',
  [ErrorCode.UNIMPLEMENTED]: 'unimplemented',
  [ErrorCode.INTERNAL]: 'internal',
  [ErrorCode.BAD_DATA]: 'bad-data',
};
const SERVER_CODES = new Set<string>(Object.values(CODE_OF_FRAME));

/** Statuses that say something without a code of ours; any other means that the connection is at fault. */
const CODE_OF_STATUS: Partial<Record<number, PannierErrorCode>> = {
  [status.INVALID_ARGUMENT]: 'bad-request',
  [status.DEADLINE_EXCEEDED]: 'deadline',
  [status.NOT_FOUND]: 'not-found',
  [status.RESOURCE_EXHAUSTED]: 'limit-exceeded',
  [status.UNIMPLEMENTED]: 'unimplemented',
  [status.UNAUTHENTICATED]: 'protocol',
  [status.PERMISSION_DENIED]: 'protocol',
};

/** The failure that an error frame reports. */
export function frameFailure({ code, message, ...told }: ErrorFrame): PannierError {
  const { httpStatus, proxyError, retryAfterMs } = told;
  return new PannierError(CODE_OF_FRAME[code] ?? 'protocol', message, {
    httpStatus,
    proxyError,
    retryAfterMs,
  });
}

/** What a failed call means: the server's own failure by its trailers, else a lost connection. */
export function callFailure(error: unknown, server: string): PannierError {
  if (error instanceof PannierError) return error;
  const { code, details, metadata } = error as { code?: unknown; details?: unknown; metadata?: unknown };
  const message = sentenceOf(typeof details === 'string' && details !== '' ? details : String(error));
  const trailers = metadata instanceof Metadata ? metadata : new Metadata();
  const ours = firstText(trailers, 'pannier-error-code');
  if (SERVER_CODES.has(ours)) {
    const proxyError = firstText(trailers, 'pannier-proxy-error');
    const retryAfterMs = Number(firstText(trailers, 'pannier-retry-after-ms')) || 0;
    return new PannierError(ours as PannierErrorCode, message, { cause: error, proxyError, retryAfterMs });
  }
  if (/^(?:Response message parsing|Error parsing|Failed to deserialize)/.test(message)) {
    return new PannierError('protocol', `${server}: ${message}`, { cause: error });
  }
  const known = typeof code === 'number' ? CODE_OF_STATUS[code] : undefined;
  return new PannierError(known ?? 'unavailable', `${server}: ${message}`, { cause: error });
}

/** What the system said, out of what grpc-js wraps around it. */
function sentenceOf(details: string): string {
  const inner = details.replace(
    /^No connection established\. Last error: (?:Error: )?(.*?)\.? Resolution note:.*$/s,
    '$1',
  );
  const [, waited] = /^Deadline exceeded after ([\d.]+)s/.exec(inner) ?? [];
  if (waited !== undefined) return `no answer within ${Number(Number(waited).toFixed(1))} s`;
  // As a server says it, to which it was told how long the client waits.
  if (inner === 'Deadline exceeded') return 'no answer in time';
  const sentence = inner.replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, '');
  return sentence === 'Protocol error' ? 'what listens there does not speak gRPC' : sentence;
}

function firstText(metadata: Metadata, name: string): string {
  return metadata.get(name)[0]?.toString() ?? '';
}

/** Whether another server may do better. */
export function isServerLost(error: unknown): error is PannierError {
  return error instanceof PannierError && (error.code === 'unavailable' || error.code === 'draining');
}
