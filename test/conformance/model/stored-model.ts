/**
 * What RFC 9111 says of one stored response: the model's view, written from the RFCs alone and over values, not lines. Nothing of the
 * cache is imported here.
 */
import { SELECTING } from './wire-head.ts';
import type { RequestControl, ResponseControl, ResponseHead, Selection } from './wire-head.ts';

/** A response that the cache may hold; times in milliseconds. */
export interface Stored {
  readonly path: string;
  readonly serial: string;
  readonly status: number;
  readonly head: ResponseHead;
  readonly lines: Readonly<Record<string, string>>;
  readonly content: string;
  /** What the request said that it answered. */
  readonly selection: Selection;
  readonly hasCredentials: boolean;
  readonly requestTime: number;
  readonly responseTime: number;
  /** The cache surely holds it, and has no reason not to use it. */
  isSure: boolean;
  /** When a HEAD showed that it is not the newest, if one did: it is stale from then on. */
  staleFrom: number | undefined;
  /** Outdated by an unsafe request: not without the origin's word. */
  mustBeValidated: boolean;
  /** When an operator purged it. */
  purgedAt: number | undefined;
}

/** A response and when it came. */
export type Received = Pick<Stored, 'status' | 'head' | 'requestTime' | 'responseTime'>;

/** https://www.rfc-editor.org/rfc/rfc9110#section-15.1 without 206 */
const HEURISTIC: readonly number[] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
/** Of the statuses that are generated, those that RFC 9110 does not define. */
const UNKNOWN: readonly number[] = [299, 418];
const NO_CONTROL: ResponseControl = {};

/** https://www.rfc-editor.org/rfc/rfc9111#section-4.2.3 */
export function ageOf({ head, requestTime, responseTime }: Omit<Received, 'status'>, now: number): number {
  const apparent = Math.max(0, responseTime - (head.date ?? responseTime));
  const corrected = (head.ageS ?? 0) * 1000 + (responseTime - requestTime);
  return Math.max(apparent, corrected) + (now - responseTime);
}

/** https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1: undefined where the response names none. */
function explicitLifetime({ head, responseTime }: Received): number | undefined {
  const { 'max-age': maxAge, 's-maxage': sMaxAge } = head.control ?? NO_CONTROL;
  if (sMaxAge !== undefined) return sMaxAge * 1000;
  if (maxAge !== undefined) return maxAge * 1000;
  if (head.expires === undefined) return undefined;
  return head.expires === 'garbage' ? 0 : Math.max(0, head.expires - (head.date ?? responseTime));
}

/** The most that a cache may take: a tenth of the time since Last-Modified. https://www.rfc-editor.org/rfc/rfc9111#section-4.2.2 */
function lifetimeAtMost(received: Received): number {
  const { status, head, responseTime } = received;
  const explicit = explicitLifetime(received);
  if (explicit !== undefined) return explicit;
  if (head.lastModified === undefined) return 0;
  if (!HEURISTIC.includes(status) && head.control?.public === undefined) return 0;
  return Math.max(0, (head.date ?? responseTime) - head.lastModified) / 10;
}

/** https://www.rfc-editor.org/rfc/rfc9111#section-3 */
export function mayBeStored(received: Received & { readonly hasCredentials: boolean }): boolean {
  const { status, head, hasCredentials } = received;
  const control = head.control ?? NO_CONTROL;
  if (status < 200 || status === 206 || status === 304 || status === 416) return false;
  const isUnknown = UNKNOWN.includes(status);
  if (control['must-understand'] && isUnknown) return false;
  // https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.3
  if (control['no-store'] && !(control['must-understand'] && !isUnknown)) return false;
  if (control.private) return false;
  // https://www.rfc-editor.org/rfc/rfc9111#section-3.5
  const forAll = control.public ?? control['must-revalidate'] ?? control['s-maxage'];
  if (hasCredentials && forAll === undefined) return false;
  return (
    control.public !== undefined || explicitLifetime(received) !== undefined || HEURISTIC.includes(status)
  );
}

/** Whether there is a use for it: what a good cache keeps. */
export function isWorthKeeping(received: Received): boolean {
  const { status, head } = received;
  if (head.vary?.includes('*')) return false;
  const control = head.control ?? NO_CONTROL;
  if (control['no-cache'] === undefined && (explicitLifetime(received) ?? 0) > 0) return true;
  return status < 300 && (head.etag ?? head.lastModified) !== undefined;
}

/** https://www.rfc-editor.org/rfc/rfc9111#section-4.1 */
export function isSelectedBy(vary: ResponseHead['vary'], a: Selection, b: Selection): boolean {
  if (vary?.includes('*')) return false;
  return SELECTING.every((name) => vary?.includes(name) !== true || a[name] === b[name]);
}

/** https://www.rfc-editor.org/rfc/rfc9111#section-4.2.4 */
function forbidsStale({ head: { control = NO_CONTROL } }: Received): boolean {
  const words = ['no-cache', 'must-revalidate', 'proxy-revalidate', 's-maxage'] as const;
  return words.some((word) => control[word] !== undefined);
}

/** How long it has been stale for certain; negative while it may be fresh. */
function staleFor(stored: Stored, now: number): number {
  const sinceHead = stored.staleFrom === undefined ? -Infinity : now - stored.staleFrom;
  return Math.max(sinceHead, ageOf(stored, now) - lifetimeAtMost(stored));
}

/** What a request asks of a stored response, whether fresh or stale. https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1 */
function isWithinBounds(stored: Stored, request: RequestControl, now: number): boolean {
  if (request['no-cache'] ?? (request.pragma && onlyPragma(request))) return false;
  if (ageOf(stored, now) > (request['max-age'] ?? Infinity) * 1000) return false;
  return request['min-fresh'] === undefined || -staleFor(stored, now) >= request['min-fresh'] * 1000;
}

/** Pragma counts where Cache-Control is silent: https://www.rfc-editor.org/rfc/rfc9111#section-5.4 */
function onlyPragma(request: RequestControl): boolean {
  return Object.keys(request).length === 1;
}

/** Why a stored response may be used without the origin's word; undefined where it may not. */
export type Reuse = 'fresh' | 'max-stale' | 'while-revalidate';

/** https://www.rfc-editor.org/rfc/rfc9111#section-4 and https://www.rfc-editor.org/rfc/rfc5861#section-3 */
export function mayBeReused(stored: Stored, request: RequestControl, now: number): Reuse | undefined {
  const control = stored.head.control ?? NO_CONTROL;
  if (stored.mustBeValidated || control['no-cache'] || !isWithinBounds(stored, request, now))
    return undefined;
  const stale = staleFor(stored, now);
  if (stale < 0) return 'fresh';
  if (forbidsStale(stored)) return undefined;
  const maxStale = request['max-stale'];
  if (maxStale !== undefined && (maxStale === true || stale <= maxStale * 1000)) return 'max-stale';
  const whileRevalidate = (control['stale-while-revalidate'] ?? 0) * 1000;
  return stale < whileRevalidate && request['max-age'] === undefined ? 'while-revalidate' : undefined;
}

/** Whether the origin may be asked behind the answer. A lifetime that nobody names may be shorter than it might be. */
export function mayBeRenewedBehind(stored: Stored, request: RequestControl, now: number): boolean {
  const use = mayBeReused(stored, request, now);
  const allowed = stored.head.control?.['stale-while-revalidate'] !== undefined;
  return use === 'while-revalidate' || (use === 'fresh' && allowed && explicitLifetime(stored) === undefined);
}

/** Whether a good cache uses it without a question: it names its lifetime, and the request has nothing against it. */
export function shouldBeReused(stored: Stored, request: RequestControl, now: number): boolean {
  // With `max-age=0` most clients mean no-cache, so a cache may read it as that.
  if (request['max-age'] === 0) return false;
  return explicitLifetime(stored) !== undefined && mayBeReused(stored, request, now) === 'fresh';
}

/** While the origin fails: https://www.rfc-editor.org/rfc/rfc5861#section-4 */
export function mayBeUsedOnError(stored: Stored, request: RequestControl, now: number): boolean {
  if (stored.mustBeValidated || !isWithinBounds(stored, request, now)) return false;
  const stale = staleFor(stored, now);
  if (stale < 0) return stored.head.control?.['no-cache'] === undefined;
  if (forbidsStale(stored)) return false;
  const windows = [stored.head.control?.['stale-if-error'] ?? 0, request['stale-if-error'] ?? 0];
  return stale < Math.max(...windows) * 1000;
}
