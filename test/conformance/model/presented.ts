/** What a client gets of a whole response, by the conditions and ranges of its request; from the RFCs alone. */
import type { ResponseHead } from './wire-head.ts';

/** What the client asked by, as it stood in its request. */
export interface Asking {
  readonly method: string;
  readonly 'if-none-match'?: string | undefined;
  readonly 'if-modified-since'?: string | undefined;
  readonly range?: string | undefined;
  readonly 'if-range'?: string | undefined;
}

/** Status and body as they should be. */
export interface Presented {
  readonly status: number;
  readonly body: string;
}

interface Whole {
  readonly status: number;
  readonly head: ResponseHead;
  readonly content: string;
  readonly responseTime: number;
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2 */
export function presented(whole: Whole, asking: Asking): Presented {
  const { status, content } = whole;
  if (status >= 200 && status < 300 && isUnmodified(whole, asking)) return { status: 304, body: '' };
  if (asking.method === 'HEAD') return { status, body: '' };
  if (status !== 200 || asking.range === undefined || !rangeApplies(whole, asking))
    return { status, body: content };
  return partOf(asking.range, content);
}

function isUnmodified({ head, responseTime }: Whole, asking: Asking): boolean {
  const tags = asking['if-none-match'];
  // Beside If-None-Match the other does not count: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3
  if (tags !== undefined) {
    if (tags === '*') return true;
    return tags.split(', ').some((tag) => opaque(tag) === opaque(head.etag ?? '-'));
  }
  if (asking['if-modified-since'] === undefined) return false;
  // https://www.rfc-editor.org/rfc/rfc9111#section-4.3.2
  return (head.lastModified ?? head.date ?? responseTime) <= Date.parse(asking['if-modified-since']);
}

function opaque(tag: string): string {
  return tag.replace(/^W\//, '');
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5: the strong tag, or a date that is a minute older than the response. */
function rangeApplies({ head, responseTime }: Whole, asking: Asking): boolean {
  const given = asking['if-range'];
  if (given === undefined) return true;
  if (given.includes('"')) return given === head.etag && !given.startsWith('W/');
  const { lastModified, date = responseTime } = head;
  return lastModified === Date.parse(given) && date - lastModified >= 60_000;
}

/** One range of bytes; another unit or one that ends before it begins is ignored: https://www.rfc-editor.org/rfc/rfc9110#section-14.2 */
function partOf(range: string, content: string): Presented {
  const whole = { status: 200, body: content };
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  if (first === '' && last === '') return whole;
  const from = first === '' ? Math.max(0, content.length - Number(last)) : Number(first);
  const to = first === '' || last === '' ? content.length - 1 : Math.min(Number(last), content.length - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return whole;
  return from >= content.length
    ? { status: 416, body: '' }
    : { status: 206, body: content.slice(from, to + 1) };
}
