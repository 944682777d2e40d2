import { getHeaderLines, trimOws } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { splitList } from './quoted-string.ts';

/** Seconds that stand for "for ever": https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2 */
export const DELTA_SECONDS_MAX = 2 ** 31;

/** The directives of a request or response that we act on; absent durations are undefined, durations in seconds. */
export type CacheControl = {
  readonly noStore: boolean;
  /** Also for the qualified form: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.4-5 */
  readonly noCache: boolean;
  /** Also for the qualified form: https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2.7-6 */
  readonly private: boolean;
  readonly public: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly noTransform: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeS: number | undefined;
  readonly sMaxAgeS: number | undefined;
  /** Request only. */
  readonly minFreshS: number | undefined;
};

type Directive = {
  readonly name: string;
  readonly argument: string | undefined;
  readonly wellFormed: boolean;
};

/** One list member: `name`, `name=token` or `name="quoted"`; group 1 the name, 2 the token, 3 the quoted text. */
const MEMBER = /^([!#$%&'*+.^_`|~\w-]+)(?:=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)"))?$/;
const NOT_TOKEN_CHARACTERS = /[^!#$%&'*+.^_`|~\w-]+/;

/**
 * Reads the Cache-Control lines of a head together. Whatever is doubtful falls to the safe side: of duplicate durations
 * the strictest counts, a bad one is 0 seconds, a restriction inside garbage still restricts, a permission with an
 * argument permits nothing.
 * https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1-6
 */
export function cacheControlOf(headers: HeaderList): CacheControl {
  // Line by line: a quote left open on one line must not hide the next.
  const members = getHeaderLines(headers, 'cache-control').flatMap(splitList);
  const directives = members.map(trimOws).flatMap(readDirectives);
  const has = (name: string): boolean => directives.some((directive) => directive.name === name);
  const hasBare = (name: string): boolean =>
    directives.some(
      ({ name: other, argument, wellFormed }) => other === name && argument === undefined && wellFormed,
    );
  const seconds = (name: string): number[] =>
    directives.filter((directive) => directive.name === name).map(({ argument }) => deltaSeconds(argument));
  const minFresh = seconds('min-fresh');
  return {
    noStore: has('no-store'),
    noCache: has('no-cache'),
    private: has('private'),
    public: hasBare('public'),
    mustRevalidate: has('must-revalidate'),
    proxyRevalidate: has('proxy-revalidate'),
    noTransform: has('no-transform'),
    onlyIfCached: has('only-if-cached'),
    maxAgeS: least(seconds('max-age')),
    sMaxAgeS: least(seconds('s-maxage')),
    minFreshS: minFresh.length === 0 ? undefined : Math.max(...minFresh),
  };
}

/** Digits only, in either form: https://www.rfc-editor.org/rfc/rfc9111#section-5.2-2. Anything else counts as 0. */
function deltaSeconds(argument: string | undefined): number {
  if (argument === undefined || !/^\d+$/.test(argument)) return 0;
  return Math.min(Number(argument), DELTA_SECONDS_MAX);
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.min(...values);
}

function readDirectives(member: string): Directive[] {
  if (member === '') return [];
  const match = MEMBER.exec(member);
  if (match !== null) {
    const [, name = '', token, quoted] = match;
    const argument = token ?? quoted?.replace(/\\(.)/gs, '$1');
    return [{ name: name.toLowerCase(), argument, wellFormed: true }];
  }
  // Garbage such as `private; max-age=60` or `no-store no-cache`: every word in it may restrict, none may permit.
  const words = member.toLowerCase().split(NOT_TOKEN_CHARACTERS);
  return words.map((name) => ({ name, argument: undefined, wellFormed: false }));
}
