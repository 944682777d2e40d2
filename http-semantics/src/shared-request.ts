import { normaliseAcceptEncoding } from './accept-encoding.ts';
import { getHeaderLines } from './headers.ts';
import type { Header, HeaderList } from './headers.ts';
import { quotedSegments } from './quoted-string.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { CachePolicy } from './policy.ts';
import { looksLikeCredential } from './request-bypass.ts';

/** Sent with every shared fetch, in this form or not at all. */
export const NEGOTIATED: readonly string[] = ['accept', 'accept-encoding', 'accept-language'];

/** Ours to set on a shared fetch, or meaningless on one, whatever the configuration forwards. */
const NEVER_SHARED =
  /^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|host|content-.*|if-.*|range|expect|proxy-.*|cache-control|pragma|via)$/;

/** In a list of headers to forward: all of them, but for those that `REPHRASES` a request. */
const EVERYTHING = '*';

/**
 * Fields by which an upstream may take a request for one of another host, scheme, path, method or sender than its request line says,
 * and that no Vary names. Whoever sends one would choose the answer that everybody gets, so `*` does not stand for them; an upstream that
 * needs one is given it by name, and then it tells entries apart.
 */
const REPHRASES = new RegExp(
  [
    '^(?:x-)?forwarded(?:-|$)',
    '^x-original-(?:url|uri|host|method|proto|remote-addr|forwarded-for)$',
    '^x-rewrite-(?:url|uri)$',
    '^x-(?:http-)?method(?:-override)?$',
    '^x-(?:host|http-host-override|proxy-url|proxy-host|url-scheme|arr-ssl)$',
    '^x-(?:real|client|cluster-client|remote|originating)-(?:ip|addr)$',
    '^(?:true-client|fastly-client|cf-connecting|fly-client)-ip$',
    '^front-end-https$',
  ].join('|'),
);

/** Whether a header of that name (lower case) may go upstream with a fetch whose response is shared. */
export function mayBeForwarded(name: string): boolean {
  return !NEVER_SHARED.test(name) && !looksLikeCredential(name);
}

/** The headers of a shared fetch; Host and conditions are added later. */
export interface SharedRequest {
  /** Those that join the key, names in lower case, sorted. */
  readonly keyed: HeaderList;
  /** All that go upstream. */
  readonly sent: HeaderList;
}

/**
 * What goes upstream with a shared fetch, and what of it joins its key: an allow-list, normalised and sorted, so that neither
 * `User-Agent` nor a hostile header splits or poisons the cache. Where an upstream is to get everything, only the coding and the names
 * beside `*` join the key; what else tells its responses apart, their Vary says.
 *
 * @param forwardList further names that this upstream's answers depend on, from its configuration, or `*`;
 *   credentials, conditions and framing are left out even if named
 * @param policy.credentials all but `never` send the client's credentials along; under `keyed` the key is to have their name
 */
export function sharedRequestHeaders(
  headers: HeaderList,
  forwardList: readonly string[],
  { credentials }: Pick<CachePolicy, 'credentials'> = DEFAULT_POLICY,
): SharedRequest {
  const isOpen = forwardList.includes(EVERYTHING);
  const named = forwardList.map((name) => name.toLowerCase()).filter((name) => name !== EVERYTHING);
  const names = [...new Set([...(isOpen ? ['accept-encoding'] : NEGOTIATED), ...named])];
  const keyed: Header[] = [];
  for (const name of names.toSorted()) {
    if (!mayBeForwarded(name)) continue;
    const lines = getHeaderLines(headers, name).filter((line) => line !== '');
    const value = normalisedValue(name, lines.join(', '));
    if (value !== '') keyed.push([name, value]);
  }
  const isExtra = (name: string): boolean =>
    looksLikeCredential(name)
      ? credentials !== 'never' && !NEVER_SHARED.test(name)
      : isOpen && !names.includes(name) && mayBeForwarded(name) && !REPHRASES.test(name);
  return { keyed, sent: [...keyed, ...headers.filter(([name]) => isExtra(name.toLowerCase()))] };
}

/** What is sent for a field, empty for nothing; `value` is empty when the client sent none. `name` in lower case. */
export function normalisedValue(name: string, value: string): string {
  // Sent even as `identity`: an absent field would allow any coding. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3-10
  if (name === 'accept-encoding') return normaliseAcceptEncoding(value);
  if (!NEGOTIATED.includes(name)) return value;
  const preferences = normalisedPreferences(value);
  // https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1-13
  const anything = name === 'accept' ? '*/*' : '*';
  return preferences === anything ? '' : preferences;
}

/** Lower case and no optional whitespace outside quoted strings, whose case may matter; no empty members. */
function normalisedPreferences(value: string): string {
  const pieces = quotedSegments(value).map(({ text, quoted }) =>
    quoted
      ? text
      : text
          .toLowerCase()
          .replace(/[ \t]+/g, ' ')
          .replace(/ ?([,;=]) ?/g, '$1'),
  );
  return pieces
    .join('')
    .replace(/,{2,}/g, ',')
    .replace(/^[ ,]+/, '')
    .replace(/(?<![ ,])[ ,]+$/, '');
}
