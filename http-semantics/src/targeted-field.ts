import { parseDictionary, Token } from 'structured-headers';
import type { Dictionary } from 'structured-headers';
import type { Directive } from './directive-list.ts';
import { getHeader } from './headers.ts';
import type { HeaderList } from './headers.ts';

/** Our target list, the nearest first: https://www.rfc-editor.org/rfc/rfc9213#section-2.2 */
export const TARGETED_FIELDS = ['pannier-cache-control', 'cdn-cache-control'] as const;

export type TargetedField = (typeof TARGETED_FIELDS)[number];

type Member = Dictionary extends Map<string, infer Value> ? Value : never;

/**
 * The directives of the first targeted field that is valid and not empty; it stands instead of Cache-Control, Expires and
 * Pragma. One that cannot be parsed counts as absent.
 * https://www.rfc-editor.org/rfc/rfc9213#section-2.2
 */
export function targetedDirectives(
  headers: HeaderList,
): { readonly field: TargetedField; readonly directives: readonly Directive[] } | undefined {
  for (const field of TARGETED_FIELDS) {
    const dictionary = readDictionary(getHeader(headers, field));
    if (dictionary === undefined || dictionary.size === 0) continue;
    return { field, directives: [...dictionary].map(([name, member]) => directiveOf(name, member)) };
  }
  return undefined;
}

function readDictionary(value: string | undefined): Dictionary | undefined {
  if (value === undefined) return undefined;
  try {
    return parseDictionary(value);
  } catch {
    // The parser's only way of saying no.
    return undefined;
  }
}

/** Parameters are ignored: https://www.rfc-editor.org/rfc/rfc9213#section-2.1 */
function directiveOf(name: string, [value]: Member): Directive {
  return { name, argument: argumentOf(name, value), wellFormed: true };
}

/** Digits for a duration that is an integer; anything else there is no duration: https://www.rfc-editor.org/rfc/rfc9213#section-2.1 */
function argumentOf(name: string, value: Member[0]): string | undefined {
  if (value === true) return undefined;
  if (!QUALIFIED.has(name)) return typeof value === 'number' ? String(value) : '';
  if (Array.isArray(value)) return value.map(([item]) => textOf(item)).join(',');
  return textOf(value);
}

/** The two directives that may name fields, in a string or a list. */
const QUALIFIED: ReadonlySet<string> = new Set(['no-cache', 'private']);

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value instanceof Token ? value.toString() : '';
}
