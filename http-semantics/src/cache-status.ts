import { parseList, serializeBareItem, Token } from 'structured-headers';

/** Why a request went on towards the origin: https://www.rfc-editor.org/rfc/rfc9211#section-2.2 */
export type ForwardReason =
  'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial';

/** What one cache did with one request: https://www.rfc-editor.org/rfc/rfc9211#section-2 */
export type CacheStatusParams = {
  readonly hit?: boolean;
  readonly fwd?: ForwardReason;
  readonly fwdStatus?: number;
  /** Seconds of freshness left, negative when stale. */
  readonly ttlS?: number;
  readonly stored?: boolean;
  readonly collapsed?: boolean;
  readonly key?: string;
  readonly detail?: string;
};

const TOKEN = /^[A-Za-z*][!#$%&'*+.^_`|~\w:/-]*$/;

/**
 * One member of a Cache-Status list, e.g. `pannier-server; hit; ttl=12`.
 *
 * @param cacheName a token such as `pannier-proxy`; anything else is sent as a string
 */
export function cacheStatusMember(cacheName: string, params: CacheStatusParams): string {
  const members: [name: string, value: boolean | number | string | Token | undefined][] = [
    ['hit', params.hit === true ? true : undefined],
    // "hit" and "fwd" exclude each other: https://www.rfc-editor.org/rfc/rfc9211#section-2.2-2
    ['fwd', params.hit === true || params.fwd === undefined ? undefined : new Token(params.fwd)],
    ['fwd-status', integer(params.fwdStatus)],
    ['ttl', integer(params.ttlS)],
    ['stored', params.stored],
    ['collapsed', params.collapsed],
    ['key', params.key === undefined ? undefined : printable(params.key)],
    ['detail', params.detail === undefined ? undefined : tokenOrString(params.detail)],
  ];
  const parameters = members.flatMap(([name, value]) => {
    if (value === undefined) return [];
    // https://www.rfc-editor.org/rfc/rfc9651#section-4.1.1.2: a true parameter is its name alone.
    return [value === true ? name : `${name}=${serializeBareItem(value)}`];
  });
  return [serializeBareItem(tokenOrString(cacheName)), ...parameters].join('; ');
}

/**
 * A Cache-Status value with our member behind what caches nearer to the origin wrote. Theirs is dropped when it is no
 * structured list, for one bad member makes all of it unreadable.
 * https://www.rfc-editor.org/rfc/rfc9211#section-2-4
 */
export function appendCacheStatus(existing: string | undefined, member: string): string {
  return existing !== undefined && isList(existing) ? `${existing}, ${member}` : member;
}

/** What one cache says of storing, in the last of its members; undefined where it has none, or the value is no list. */
export function storingOf(
  value: string | null,
  cacheName: string,
): Pick<CacheStatusParams, 'stored' | 'detail'> | undefined {
  const member = (listOf(value ?? '') ?? []).findLast(([name]) => String(name) === cacheName);
  if (member === undefined) return undefined;
  const stored: unknown = member[1].get('stored');
  const detail: unknown = member[1].get('detail');
  return {
    ...(typeof stored === 'boolean' ? { stored } : {}),
    ...(typeof detail === 'string' || detail instanceof Token ? { detail: String(detail) } : {}),
  };
}

function isList(value: string): boolean {
  return (listOf(value)?.length ?? 0) > 0;
}

function listOf(value: string): ReturnType<typeof parseList> | undefined {
  try {
    return parseList(value);
  } catch {
    // The parser's only way of saying no.
    return undefined;
  }
}

function integer(value: number | undefined): number | undefined {
  if (value === undefined || Number.isNaN(value)) return undefined;
  // https://www.rfc-editor.org/rfc/rfc9651#section-3.3.1
  return Math.trunc(Math.min(Math.max(value, -999_999_999_999_999), 999_999_999_999_999));
}

function tokenOrString(text: string): Token | string {
  return TOKEN.test(text) ? new Token(text) : printable(text);
}

/** Structured strings are printable ASCII: https://www.rfc-editor.org/rfc/rfc9651#section-3.3.3 */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
