import { getHeaderLines, trimOws } from './headers.ts';
import type { HeaderList } from './headers.ts';
import { splitList } from './quoted-string.ts';

/** Seconds that stand for "for ever": https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2 */
export const DELTA_SECONDS_MAX = 2 ** 31;

/** One cache directive as it was sent; the name in lower case. */
export type Directive = {
  readonly name: string;
  readonly argument: string | undefined;
  /** False for a word found inside garbage: it may restrict, never permit. */
  readonly wellFormed: boolean;
};

/** One list member: `name`, `name=token` or `name="quoted"`; group 1 the name, 2 the token, 3 the quoted text. */
const MEMBER = /^([!#$%&'*+.^_`|~\w-]+)(?:=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)"))?$/;
const NOT_TOKEN_CHARACTERS = /[^!#$%&'*+.^_`|~\w-]+/;

/** The directives of every line of a field, `field` in lower case. https://www.rfc-editor.org/rfc/rfc9111#section-5.2 */
export function directivesOf(headers: HeaderList, field: string): Directive[] {
  // Line by line: a quote left open on one line must not hide the next.
  return getHeaderLines(headers, field).flatMap(splitList).map(trimOws).flatMap(readMember);
}

/** Whether the directive is there in any form, garbage included: for restrictions. */
export function hasDirective(directives: readonly Directive[], name: string): boolean {
  return directives.some((directive) => directive.name === name);
}

/** Whether the directive is there exactly as defined, without an argument: for permissions. */
export function hasBareDirective(directives: readonly Directive[], name: string): boolean {
  return directives.some(
    ({ name: other, argument, wellFormed }) => other === name && argument === undefined && wellFormed,
  );
}

/** The durations that a directive was given, in seconds and in order; a bad one is 0. */
export function secondsOf(directives: readonly Directive[], name: string): number[] {
  return directives
    .filter((directive) => directive.name === name)
    .map(({ argument }) => deltaSeconds(argument));
}

/** Of duplicate durations the strictest counts: https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1-6 */
export function leastSeconds(directives: readonly Directive[], name: string): number | undefined {
  const values = secondsOf(directives, name);
  return values.length === 0 ? undefined : Math.min(...values);
}

/** Digits only, in either form: https://www.rfc-editor.org/rfc/rfc9111#section-5.2-2. Anything else counts as 0. */
function deltaSeconds(argument: string | undefined): number {
  if (argument === undefined || !/^\d+$/.test(argument)) return 0;
  return Math.min(Number(argument), DELTA_SECONDS_MAX);
}

function readMember(member: string): Directive[] {
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
