/** How a request is told that it may not wait for a flight, or not any longer. */
import { CacheServerError } from '../errors.ts';

/** A flight that too many wait for is over soon, or its upstream is in trouble that lasts; in milliseconds. */
const RETRY_AFTER_MS = 1000;

export function waitLimited(message: string): CacheServerError {
  return new CacheServerError('wait-limited', message, { retryAfterMs: RETRY_AFTER_MS });
}

/** Whether it was the wait that ended, and not the fetch. */
export function isWaitLimited(error: unknown): boolean {
  return error instanceof CacheServerError && error.code === 'wait-limited';
}
