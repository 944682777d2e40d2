import { DELTA_SECONDS_MAX } from './directive-list.ts';
import { getHeader, getHeaderLines, trimOws } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { parseHttpDate } from './http-date.ts';
import type { StoredHead } from './stored-head.ts';

/**
 * How old a stored response is, in milliseconds. A clock that ran backwards never makes one younger than it came.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.2.3
 *
 * @param now milliseconds
 */
export function currentAgeMs(stored: StoredHead, now: number): number {
  const residentMs = Math.max(0, now - stored.responseTimeMs);
  return correctedInitialAgeMs(stored) + residentMs;
}

/** The age at arrival: what earlier caches declared plus the round trip, or what the Date shows if that is more. */
export function correctedInitialAgeMs({ headers, requestTimeMs, responseTimeMs }: StoredHead): number {
  const dateMs = parseHttpDate(getHeader(headers, 'date'), responseTimeMs) ?? responseTimeMs;
  const apparentAgeMs = Math.max(0, responseTimeMs - dateMs);
  const responseDelayMs = Math.max(0, responseTimeMs - requestTimeMs);
  return Math.max(apparentAgeMs, declaredAgeS(headers) * 1000 + responseDelayMs);
}

/**
 * Whether the Age is no number, or was sent more than once: several lines, or what `, ` (the form in which recipients combine
 * lines) joined on the way. How old such a response is nobody knows. A `,` alone is one sender's own list.
 * https://www.rfc-editor.org/rfc/rfc9110#section-5.2
 */
export function isAgeDoubtful(headers: HeaderList): boolean {
  const [line, ...others] = getHeaderLines(headers, 'age');
  if (line === undefined) return false;
  const [first = '', ...rest] = line.split(',');
  return others.length > 0 || !/^\d+$/.test(first) || rest.some((member) => /^[ \t]/.test(member));
}

/** The Age field: the first member of a list counts, garbage is ignored. https://www.rfc-editor.org/rfc/rfc9111#section-5.1 */
function declaredAgeS(headers: HeaderList): number {
  const [first = ''] = (getHeader(headers, 'age') ?? '').split(',');
  const digits = trimOws(first);
  return /^\d+$/.test(digits) ? Math.min(Number(digits), DELTA_SECONDS_MAX) : 0;
}
