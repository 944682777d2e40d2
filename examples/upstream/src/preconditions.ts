import type { IncomingHttpHeaders } from 'node:http';

/** What the selected representation is compared by; either may be missing. */
export interface Validators {
  /** As in the field, quotes and `W/` included. */
  etag?: string;
  /** Whole seconds, in milliseconds since 1970. */
  lastModifiedMs?: number;
}

/** `proceed` answers in full (or the range), the numbers are the status that ends the request. */
export type PreconditionVerdict = 'proceed' | 304 | 412;

const opaque = (etag: string): string => etag.replace(/^W\//, '');

function weakMatch(a: string, b: string): boolean {
  return opaque(a) === opaque(b);
}

/** RFC 9110 §8.8.3.2: two weak tags never match strongly, even when they look alike. */
function strongMatch(a: string, b: string): boolean {
  return a === b && !a.startsWith('W/');
}

function listMatches(list: string, etag: string | undefined, match: typeof weakMatch): boolean {
  if (list.trim() === '*') return true;
  const members = list.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return etag !== undefined && members.some((member) => match(member, etag));
}

/** @returns NaN, which compares false with everything, when the date is missing or malformed */
function dateMs(field: string | undefined): number {
  return field === undefined ? Number.NaN : Date.parse(field);
}

/** Evaluates the preconditions of a GET or HEAD in the order of RFC 9110 §13.2.2. */
export function evaluatePreconditions(
  headers: IncomingHttpHeaders,
  validators: Validators,
): PreconditionVerdict {
  const { etag, lastModifiedMs = Number.NaN } = validators;
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    if (!listMatches(ifMatch, etag, strongMatch)) return 412;
  } else if (lastModifiedMs > dateMs(headers['if-unmodified-since'])) return 412;

  // §13.1.3: If-Modified-Since counts only where If-None-Match is absent.
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) return listMatches(ifNoneMatch, etag, weakMatch) ? 304 : 'proceed';
  return lastModifiedMs <= dateMs(headers['if-modified-since']) ? 304 : 'proceed';
}

/**
 * Says whether Range may be honoured (RFC 9110 §13.1.5): no If-Range, or one that matches strongly.
 * @param nowMs a date is strong only when a second has passed since it (§8.8.2.2)
 */
export function ifRangeHolds(headers: IncomingHttpHeaders, validators: Validators, nowMs: number): boolean {
  // Sent twice it is one invalid value, which matches nothing.
  const field = headers['if-range']?.toString();
  if (field === undefined) return true;
  if (/^(W\/)?"/.test(field)) return validators.etag !== undefined && strongMatch(field, validators.etag);
  const { lastModifiedMs } = validators;
  return lastModifiedMs !== undefined && lastModifiedMs === dateMs(field) && lastModifiedMs + 1000 <= nowMs;
}
