import { z } from 'zod';
import { addressRuleAllowed, parseAddressRule } from '../address-rule.ts';
import { byteSizePattern, formatBytes, parseBytes } from '../byte-size.ts';
import { durationPattern, formatDuration, parseDuration, timerMsMax } from '../duration.ts';

// What a field refuses is said by its `error` text, which reads on after "expected": see refusal.ts.

/** Bytes, as a number or as text like `64MiB`; a number of bytes inside. */
export function byteSize({ min = 1, max = 2 ** 50 }: { min?: number; max?: number } = {}) {
  const error = `bytes or a size such as 64MiB or 50MB, from ${formatBytes(min)} to ${formatBytes(max)}`;
  return z
    .union([wholeNumber({ min, max, error }), z.string({ error }).regex(byteSizePattern, { error })], {
      error,
    })
    .transform((size) => (typeof size === 'number' ? size : (parseBytes(size) ?? Number.NaN)))
    .pipe(wholeNumber({ min, max, error }));
}

/** A wait, as milliseconds or as text like `30s`; milliseconds inside. Bounded by what a timer can wait. */
export function duration({ min = 1, max = timerMsMax }: { min?: number; max?: number } = {}) {
  const error = `milliseconds or a duration such as 250ms, 30s or 5m, from ${formatDuration(min)} to ${formatDuration(max)}`;
  return z
    .union([wholeNumber({ min, max, error }), z.string({ error }).regex(durationPattern, { error })], {
      error,
    })
    .transform((wait) => (typeof wait === 'number' ? wait : (parseDuration(wait) ?? Number.NaN)))
    .pipe(wholeNumber({ min, max, error }));
}

export function count({ min = 1, max = 1_000_000_000 }: { min?: number; max?: number } = {}) {
  return wholeNumber({ min, max, error: `a whole number from ${min} to ${max}` });
}

/** 0 lets the system pick a free port. */
export function port() {
  return wholeNumber({ min: 0, max: 65_535, error: 'a port from 0 to 65535' });
}

function wholeNumber({ min, max, error }: { min: number; max: number; error: string }) {
  return z.int({ error }).min(min, { error }).max(max, { error });
}

export function hostName() {
  return z.string().regex(/^[^\s/@]+$/, { error: 'a host name or IP address to listen on' });
}

/** An absolute http or https URL that names a place, not a person: no credentials, query or fragment. */
export function httpUrl() {
  const error = 'an http:// or https:// URL without credentials, query or fragment';
  return z.string({ error }).refine(isPlainHttpUrl, { error });
}

export function httpOrigin() {
  const error = 'an origin such as https://api.example:8443, with no path';
  return z
    .string({ error })
    .refine((text) => isPlainHttpUrl(text) && URL.parse(text)?.pathname === '/', { error });
}

function isPlainHttpUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s?#]+$/i.test(text)) return false;
  const url = URL.parse(text);
  return url?.username === '' && url.password === '';
}

/** The name of an upstream or dataset; it becomes part of keys, metrics and URLs. */
export function entryName() {
  return z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, {
    error: 'a name of lower-case letters, digits and inner hyphens',
  });
}

/** As Intl knows it. */
export function timeZone() {
  return z.string().refine(isTimeZone, { error: 'a time zone such as UTC or Europe/Prague' });
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    // What Intl does not know is no time zone.
    return false;
  }
}

/** A field name of HTTP, in lower case: https://www.rfc-editor.org/rfc/rfc9110#section-5.1 */
export function headerName() {
  return z
    .string()
    .regex(/^[!#$%&'*+.^_`|~\w-]+$/, { error: 'a header name, such as accept' })
    .toLowerCase();
}

/** What may stand in one line of a head, text beyond ASCII in latin1: https://www.rfc-editor.org/rfc/rfc9110#section-5.5 */
export function headerValue() {
  return z.string().regex(/^[\t\u0020-\u007e\u0080-\u00ff]*$/, {
    error: 'a header value of one line, without control characters and beyond latin1',
  });
}

export function addressRules() {
  const error = addressRuleAllowed;
  return z.array(z.string({ error }).refine((text) => parseAddressRule(text) !== undefined, { error }));
}
