import { cacheControlOf } from './cache-control.ts';
import { getHeaderLines, getTokenList, hasHeader } from './headers.ts';
import type { HeaderList } from './headers.ts';
import type { Outcome } from './outcome.ts';

/** Why a request goes past the cache; each is also the outcome's name in logs, metrics and Cache-Status. */
export type RequestBypass = Extract<
  Outcome,
  | 'bypass-method'
  | 'bypass-override'
  | 'bypass-upgrade'
  | 'bypass-body'
  | 'bypass-expect'
  | 'bypass-credentials'
  | 'bypass-range'
  | 'bypass-precondition'
  | 'bypass-no-store-request'
>;

/**
 * Names that carry who is asking. The list errs on the side of a bypass: one name too many costs a cached answer, one too
 * few shows one caller's answer to another.
 */
const CREDENTIAL_NAME = new RegExp(
  [
    'authori[sz]ation',
    'cookie',
    'token',
    'secret',
    'passw',
    'passphrase',
    'credential',
    'jwt',
    'session',
    'signature',
    'assertion',
    'principal',
    'client-cert',
    'api-?key',
    '[-_]key$',
    '^dpop$',
    '(?:^|[-_])auth(?:[-_]|$)',
    '(?:^|[-_])(?:authenticated|remote|forwarded)-user',
  ].join('|'),
);

/**
 * Names that ask for another method or another resource than the request line does. An upstream that knows them does something else
 * than the cache would think, and one that does not know them loses nothing by being asked.
 */
const OVERRIDES: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
]);

/** Whether a header of that name (lower case) looks like it tells one caller from another. */
export function looksLikeCredential(name: string): boolean {
  return CREDENTIAL_NAME.test(name);
}

/** What need not lead past the cache where it is dealt with elsewhere; nothing by default. */
export type AllowedRequest = {
  readonly head?: boolean;
  readonly credentials?: boolean;
  readonly range?: boolean;
  /** If-Match and If-Unmodified-Since. */
  readonly precondition?: boolean;
};

/**
 * Why this request must neither be answered from the shared cache nor fill it, or undefined when it may do both.
 *
 * @param method as on the wire; methods are case-sensitive: https://www.rfc-editor.org/rfc/rfc9110#section-9.1-4
 * @param allowed what the caller decides itself
 */
export function requestBypass(
  method: string,
  headers: HeaderList,
  allowed: AllowedRequest = {},
): RequestBypass | undefined {
  if (method !== 'GET' && !(method === 'HEAD' && allowed.head === true)) return 'bypass-method';
  if (headers.some(([name]) => OVERRIDES.has(name.toLowerCase()))) return 'bypass-override';
  if (asksForUpgrade(headers)) return 'bypass-upgrade';
  // A GET with content has no defined meaning, so none may be shared: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.1-6
  if (hasBody(headers)) return 'bypass-body';
  if (hasHeader(headers, 'expect')) return 'bypass-expect';
  // https://www.rfc-editor.org/rfc/rfc9111#section-3.5
  if (allowed.credentials !== true && headers.some(([name]) => looksLikeCredential(name.toLowerCase())))
    return 'bypass-credentials';
  if (allowed.range !== true && hasHeader(headers, 'range')) return 'bypass-range';
  // Only the origin may evaluate these two: https://www.rfc-editor.org/rfc/rfc9111#section-4.3.2-4
  const precondition = hasHeader(headers, 'if-match') || hasHeader(headers, 'if-unmodified-since');
  if (allowed.precondition !== true && precondition) return 'bypass-precondition';
  // https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1.5
  if (cacheControlOf(headers).noStore) return 'bypass-no-store-request';
  return undefined;
}

/**
 * An offer of h2c does not count: some clients (Java's HttpClient) make it with every plain request, and a server is
 * free to ignore it. https://www.rfc-editor.org/rfc/rfc9110#section-7.8-3
 */
function asksForUpgrade(headers: HeaderList): boolean {
  return getTokenList(headers, 'upgrade').some((protocol) => protocol !== 'h2c');
}

function hasBody(headers: HeaderList): boolean {
  if (hasHeader(headers, 'transfer-encoding')) return true;
  return getHeaderLines(headers, 'content-length').some((length) => !/^0+$/.test(length));
}
