import { trimOws } from './headers.ts';

/** Positions of bytes, both inclusive. */
export type ByteRange = { readonly first: number; readonly last: number };

export type RequestedRanges =
  /** Send the whole: no byte ranges, or none that we care to send. */
  | { readonly kind: 'none' }
  /** In the order asked for, each inside the representation; a 206. */
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] }
  /** A 416. */
  | { readonly kind: 'unsatisfiable' };

const NONE: RequestedRanges = { kind: 'none' };
const BYTES = /^bytes=/i;
/** `first-last`, `first-` or `-length` */
const MEMBER = /^(?:(\d+)-(\d*)|-(\d+))$/;

/** Whoever asks for more wants to make us work: https://www.rfc-editor.org/rfc/rfc9110#section-14.2 */
const RANGES_MAX = 16;
const OVERLAPS_MAX = 2;

/**
 * What a Range field asks of a representation of that length. Another unit, a syntax error anywhere, too many ranges and
 * too many overlapping ones all mean that the field is ignored.
 * https://www.rfc-editor.org/rfc/rfc9110#section-14.2
 *
 * @param value the combined field
 */
export function parseRanges(value: string, lengthBytes: number): RequestedRanges {
  if (!BYTES.test(value)) return NONE;
  const members = value
    .slice('bytes='.length)
    .split(',')
    .map(trimOws)
    .filter((member) => member !== '');
  if (members.length === 0 || members.length > RANGES_MAX) return NONE;
  const ranges: ByteRange[] = [];
  for (const member of members) {
    const range = readMember(member, lengthBytes);
    if (range === undefined) return NONE;
    if (range.first <= range.last) ranges.push(range);
  }
  // Of an empty representation there is no part to send: https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
  if (lengthBytes === 0)
    return members.some((member) => /^-0*[1-9]/.test(member)) ? NONE : { kind: 'unsatisfiable' };
  if (ranges.length === 0) return { kind: 'unsatisfiable' };
  return overlapsOf(ranges) > OVERLAPS_MAX ? NONE : { kind: 'ranges', ranges };
}

/** A member cut to the representation, empty (`first` behind `last`) if it lies outside; undefined for a syntax error. */
function readMember(member: string, lengthBytes: number): ByteRange | undefined {
  const match = MEMBER.exec(member);
  if (match === null) return undefined;
  const [, firstDigits, lastDigits = '', suffixDigits = ''] = match;
  const end = lengthBytes - 1;
  // https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
  if (firstDigits === undefined) return { first: Math.max(0, lengthBytes - Number(suffixDigits)), last: end };
  const first = Number(firstDigits);
  const last = lastDigits === '' ? Infinity : Number(lastDigits);
  // https://www.rfc-editor.org/rfc/rfc9110#section-14.1.1
  if (last < first) return undefined;
  return { first, last: Math.min(last, end) };
}

/** How many ranges begin before one in front of them ends. */
function overlapsOf(ranges: readonly ByteRange[]): number {
  let reached = -1;
  let overlaps = 0;
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    if (first <= reached) overlaps += 1;
    reached = Math.max(reached, last);
  }
  return overlaps;
}

/** The Content-Range of a part: https://www.rfc-editor.org/rfc/rfc9110#section-14.4 */
export function contentRange(first: number, last: number, lengthBytes: number): string {
  return `bytes ${first}-${last}/${lengthBytes}`;
}

/** The Content-Range of a 416: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.17 */
export function unsatisfiedRange(lengthBytes: number): string {
  return `bytes */${lengthBytes}`;
}
