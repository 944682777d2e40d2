/** Where a paginated API goes on: its `Link` field (RFC 8288), a cursor in the body, or the next number. */
import type { Config } from '@pannier/runtime';
import { DatasetError } from '../dataset-error.ts';

type Pages = NonNullable<Config['datasets'][string]['pages']>;

/** A page that has been read. */
export interface ReadPage {
  readonly url: string;
  /** Counted from 0. */
  readonly index: number;
  readonly link: string | undefined;
  /** JSON text of what stands where {@link bodyPointer} says; undefined where nothing does. */
  readonly told: string | undefined;
  /** Number of records in it, at least where the rule is a number. */
  readonly records: number;
  /** Number of records in all pages so far, this one included. */
  readonly total: number;
}

/** The place in the body that the rule looks at; undefined where it looks at none. */
export function bodyPointer({ next }: Pages): string | undefined {
  if (next === 'link') return undefined;
  return 'cursor' in next ? next.cursor : next.total;
}

/** Whether the rule has to know how many records a page has. */
export function countsRecords({ next }: Pages): boolean {
  return next !== 'link' && !('cursor' in next);
}

/** The first page's URL. */
export function firstPageUrl(url: string, { next }: Pages): string {
  return next !== 'link' && 'start' in next ? withParameter(url, next.parameter, String(next.start)) : url;
}

/** The next page's URL; undefined behind the last. @throws DatasetError `bad-document` */
export function nextPageUrl(page: ReadPage, { next }: Pages): string | undefined {
  if (next === 'link') return linkedPage(page);
  if ('cursor' in next) {
    const cursor = cursorText(page, next.cursor);
    return cursor === '' ? undefined : withParameter(page.url, next.parameter, cursor);
  }
  const isLast = next.total === undefined ? page.records === 0 : isWhole(page, next.total);
  return isLast ? undefined : withParameter(page.url, next.parameter, String(next.start + page.index + 1));
}

/** A number keeps the digits that it came with; '' stands for no further page. */
function cursorText({ told, index }: ReadPage, pointer: string): string {
  if (told === undefined || told === 'null') return '';
  if (told.startsWith('"')) return String(JSON.parse(told));
  if (/^[-\d]/.test(told)) return told;
  throw new DatasetError('bad-document', `page ${index + 1}: the cursor at ${pointer} is no text`);
}

/** Whether all records have come that there are said to be. */
function isWhole({ told, index, records, total }: ReadPage, pointer: string): boolean {
  const place = `page ${index + 1}: `;
  const expected = /^(?:\d+|"\d+")$/.test(told ?? '') ? Number(told?.replaceAll('"', '')) : undefined;
  if (expected === undefined)
    throw new DatasetError('bad-document', `${place}the total at ${pointer} is no number`);
  if (total > expected || (records === 0 && total < expected)) {
    const what = `${total} records came, and the total at ${pointer} is ${expected}`;
    throw new DatasetError('bad-document', `${place}${what}`);
  }
  return total === expected;
}

function linkedPage({ url, link = '', index }: ReadPage): string | undefined {
  for (const [, target = '', parameters = ''] of link.matchAll(/<([^>]*)>((?:[^,"]|"[^"]*")*)/g)) {
    const relations = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i.exec(parameters);
    const names = (relations?.[1] ?? relations?.[2] ?? '').toLowerCase().split(/\s+/);
    if (!names.includes('next')) continue;
    const next = URL.parse(target, url);
    if (next === null) throw new DatasetError('bad-document', `page ${index + 1}: its next link is no URL`);
    // Another origin would be fetched under this upstream's name and trust.
    if (next.origin !== new URL(url).origin)
      throw new DatasetError('bad-document', `page ${index + 1}: its next link leads to ${next.origin}`);
    return next.href;
  }
  return undefined;
}

function withParameter(url: string, name: string, value: string): string {
  const next = new URL(url);
  next.searchParams.set(name, value);
  return next.href;
}
