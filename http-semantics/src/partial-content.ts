import { getHeader, withoutHeaders } from './headers.ts';
import type { HeaderList } from './headers.ts';
import type { ByteRange } from './ranges.ts';

/** A part of a representation whose length is known. */
export type ContentPart = ByteRange & { readonly completeBytes: number };

const ONE_RANGE = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/i;
const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+)$/i;

/**
 * The one range of bytes that a Range field asks for, written in the one way in which all who ask for it share a fetch.
 *
 * @returns undefined for several ranges, another unit, garbage, and a range that is empty or of no length that can be counted
 */
export function singleRange(headers: HeaderList): string | undefined {
  const [range, first, last = '', suffix] = ONE_RANGE.exec(getHeader(headers, 'range') ?? '') ?? [];
  if (range === undefined) return undefined;
  const [from, to, length] = [Number(first ?? 0), Number(last), Number(suffix ?? 1)];
  if (![from, to, length].every(Number.isSafeInteger) || length === 0) return undefined;
  if (suffix !== undefined) return `bytes=-${length}`;
  if (last === '') return `bytes=${from}-`;
  return to < from ? undefined : `bytes=${from}-${to}`;
}

/**
 * Which part of what a 206 carries, where that is beyond doubt: one Content-Range that is possible, with the complete length, and agrees
 * with the length of the body.
 * https://www.rfc-editor.org/rfc/rfc9110#section-14.4
 *
 * @param bodyBytes undefined while only the end will tell; compare then
 */
export function contentPart(
  { status, headers }: { readonly status: number; readonly headers: HeaderList },
  bodyBytes: number | undefined,
): ContentPart | undefined {
  const matched = CONTENT_RANGE.exec(getHeader(headers, 'content-range') ?? '');
  if (status !== 206 || matched === null) return undefined;
  const [first = 0, last = 0, completeBytes = 0] = matched.slice(1).map(Number);
  if (!Number.isSafeInteger(completeBytes) || first > last || last >= completeBytes) return undefined;
  const isWhole = bodyBytes === undefined || bodyBytes === last - first + 1;
  return isWhole ? { first, last, completeBytes } : undefined;
}

/** Whether a part is all there is. */
export function isWholeContent({ first, last, completeBytes }: ContentPart): boolean {
  return first === 0 && last === completeBytes - 1;
}

/** What a 206 says of its own bytes alone, and not of what they are a part of. */
const OF_THE_PART: ReadonlySet<string> = new Set([
  'content-length',
  'content-range',
  'content-digest',
  'content-md5',
]);

/**
 * The head of the 200 that a 206 is a part of, by which is decided whether the part may be stored, and for how long it is fresh: a 206 has all the fields that the 200 would have had, unless it answers an If-Range.
 * https://www.rfc-editor.org/rfc/rfc9110#section-15.3.7
 */
export function headOfWhole<H extends { readonly status: number; readonly headers: HeaderList }>(part: H): H {
  return { ...part, status: 200, headers: withoutHeaders(part.headers, OF_THE_PART) };
}
