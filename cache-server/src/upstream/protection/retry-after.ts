import { getHeader, parseHttpDate } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';

/**
 * How long Retry-After asks to be left in peace, in milliseconds from `now`; undefined when there is none that can be read.
 * https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function retryAfterMs(headers: HeaderList, now: number): number | undefined {
  const value = getHeader(headers, 'retry-after')?.trim();
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const dateMs = parseHttpDate(value, now);
  return dateMs === undefined ? undefined : Math.max(0, dateMs - now);
}
