import { normaliseAcceptEncoding } from './accept-encoding.ts';
import { getHeaderLines } from './headers.ts';
import type { Header, HeaderList } from './headers.ts';
import { quotedSegments } from './quoted-string.ts';
import { looksLikeCredential } from './request-bypass.ts';

/** Sent with every shared fetch, in this form or not at all. */
export const NEGOTIATED: readonly string[] = ['accept', 'accept-encoding', 'accept-language'];

/** Ours to set on a shared fetch, or meaningless on one, whatever the configuration forwards. */
const NEVER_SHARED =
  /^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|host|content-.*|if-.*|range|expect|proxy-.*|cache-control|pragma|via)$/;

/**
 * The request headers that go upstream with a shared fetch and join its key: an allow-list, normalised and sorted, so that
 * neither `User-Agent` nor a hostile header splits or poisons the cache. Names in lower case; Host and conditions are added later.
 *
 * @param forwardList further names (lower case) that this upstream's answers depend on, from its configuration;
 *   credentials, conditions and framing are left out even if named
 */
export function sharedRequestHeaders(headers: HeaderList, forwardList: readonly string[]): HeaderList {
  const names = new Set([...NEGOTIATED, ...forwardList.map((name) => name.toLowerCase())]);
  const selected: Header[] = [];
  for (const name of [...names].toSorted()) {
    if (NEVER_SHARED.test(name) || looksLikeCredential(name)) continue;
    const lines = getHeaderLines(headers, name).filter((line) => line !== '');
    const value = normalisedValue(name, lines.join(', '));
    if (value !== '') selected.push([name, value]);
  }
  return selected;
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
