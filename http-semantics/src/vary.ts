import { getHeaderLines, getTokenList, hasHeader, trimOws } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { quotedSegments, splitList } from './quoted-string.ts';
import { NEGOTIATED, normalisedValue } from './shared-request.ts';

const FIELD_NAME = /^[!#$%&'*+.^_`|~\w-]+$/;

/**
 * The request fields that selected a response: lower case, sorted, each once; `*` for more than fields. A member that is no
 * field name may mean anything, so it counts as `*`.
 * https://www.rfc-editor.org/rfc/rfc9110#section-12.5.5
 */
export function varyNames(headers: HeaderList): string[] | '*' {
  const names = new Set(getTokenList(headers, 'vary'));
  if (names.has('*') || ![...names].every((name) => FIELD_NAME.test(name))) return '*';
  return [...names].toSorted();
}

/**
 * What a request says in the fields that `varyNames` nominated, as one text: two requests select the same variant exactly
 * when it is the same. It may hold credentials where a policy lets them be nominated: hash it before it becomes a key.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.1
 *
 * @param names in lower case
 */
export function variantValues(names: readonly string[], requestHeaders: HeaderList): string {
  // JSON, so that no value can look like two.
  return JSON.stringify(names.map((name) => [name, variantValue(name, requestHeaders)]));
}

/** Null for a field that was not sent, which matches only its absence; fields that a shared fetch always normalises have no such state. */
function variantValue(name: string, headers: HeaderList): string | null {
  const lines = getHeaderLines(headers, name);
  if (NEGOTIATED.includes(name)) return normalisedValue(name, lines.filter((line) => line !== '').join(', '));
  return hasHeader(headers, name) ? lines.flatMap(splitList).map(withoutExtraSpace).join(', ') : null;
}

/** One space for several outside quoted strings, none at the ends. */
function withoutExtraSpace(member: string): string {
  const pieces = quotedSegments(member).map(({ text, quoted }) =>
    quoted ? text : text.replace(/[ \t]+/g, ' '),
  );
  return trimOws(pieces.join(''));
}
