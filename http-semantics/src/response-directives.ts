import { directivesOf, hasBareDirective, hasDirective, leastSeconds } from './directive-list.ts';
import type { Directive } from './directive-list.ts';
import { getTokenList, hasHeader, trimOws } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { TARGETED_FIELDS, targetedDirectives } from './targeted-field.ts';
import type { TargetedField } from './targeted-field.ts';

/** What a response tells a shared cache; absent durations are undefined, durations in seconds. */
export type ResponseDirectives = {
  /** The field that speaks. Beside a targeted one neither Expires nor Pragma counts. */
  readonly field: TargetedField | 'cache-control' | 'none';
  /** Something in the field is garbage: what it permits beside that is not believed. */
  readonly garbled: boolean;
  readonly noStore: boolean;
  /** For the whole response; from Pragma too where no Cache-Control speaks: https://www.rfc-editor.org/rfc/rfc9111#section-5.4 */
  readonly noCache: boolean;
  /** Named by the qualified form, in lower case: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.4-5 */
  readonly noCacheFields: readonly string[];
  /** For the whole response. */
  readonly private: boolean;
  /** Named by the qualified form, in lower case: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.7-6 */
  readonly privateFields: readonly string[];
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  readonly noTransform: boolean;
  /** https://www.rfc-editor.org/rfc/rfc8246#section-2 */
  readonly immutable: boolean;
  readonly maxAgeS: number | undefined;
  readonly sMaxAgeS: number | undefined;
  /** https://www.rfc-editor.org/rfc/rfc5861#section-3 */
  readonly staleWhileRevalidateS: number | undefined;
  /** https://www.rfc-editor.org/rfc/rfc5861#section-4 */
  readonly staleIfErrorS: number | undefined;
};

const FIELD_NAME = /^[!#$%&'*+.^_`|~\w-]+$/;

/** Without these the rest of the response could no longer be judged or read: whoever names one means the whole response. */
const GOVERNING: ReadonlySet<string> = new Set([
  ...TARGETED_FIELDS,
  ...'age cache-control date expires pragma vary'.split(' '),
  ...'content-encoding content-length content-range content-type transfer-encoding'.split(' '),
]);

/**
 * Reads the field that governs us: `Pannier-Cache-Control`, else `CDN-Cache-Control`, else `Cache-Control`. Whatever is
 * doubtful falls to the safe side, as in `cacheControlOf`.
 * https://www.rfc-editor.org/rfc/rfc9213#section-2.2
 */
export function responseDirectives(headers: HeaderList): ResponseDirectives {
  const targeted = targetedDirectives(headers);
  const directives = targeted?.directives ?? directivesOf(headers, 'cache-control');
  const has = (name: string): boolean => hasDirective(directives, name);
  const noCache = namedBy(directives, 'no-cache');
  const ownedBy = namedBy(directives, 'private');
  const spoken = hasHeader(headers, 'cache-control') ? 'cache-control' : 'none';
  const field = targeted?.field ?? spoken;
  const pragma = field === 'none' && getTokenList(headers, 'pragma').includes('no-cache');
  return {
    field,
    garbled: directives.some(({ wellFormed }) => !wellFormed),
    noStore: has('no-store'),
    noCache: noCache === 'everything' || pragma,
    noCacheFields: noCache === 'everything' ? [] : noCache,
    private: ownedBy === 'everything',
    privateFields: ownedBy === 'everything' ? [] : ownedBy,
    public: hasBareDirective(directives, 'public'),
    mustRevalidate: has('must-revalidate'),
    proxyRevalidate: has('proxy-revalidate'),
    mustUnderstand: has('must-understand'),
    noTransform: has('no-transform'),
    immutable: hasBareDirective(directives, 'immutable'),
    maxAgeS: leastSeconds(directives, 'max-age'),
    sMaxAgeS: leastSeconds(directives, 's-maxage'),
    staleWhileRevalidateS: leastSeconds(directives, 'stale-while-revalidate'),
    staleIfErrorS: leastSeconds(directives, 'stale-if-error'),
  };
}

/** The fields that the qualified form names; `everything` where it names none that can be left out, or stands bare beside it. */
function namedBy(directives: readonly Directive[], name: string): readonly string[] | 'everything' {
  const fields = new Set<string>();
  for (const { name: other, argument = '' } of directives) {
    if (other !== name) continue;
    const named = argument.split(',').map((field) => trimOws(field).toLowerCase());
    if (!named.every((field) => FIELD_NAME.test(field) && !GOVERNING.has(field))) return 'everything';
    for (const field of named) fields.add(field);
  }
  return [...fields];
}
