/** Where a paginated API goes on: its `Link` field (RFC 8288), a cursor in the body, or the next number. */
import type { Config } from '@pannier/runtime';
import { DatasetError } from '../dataset-error.ts';
import { pointerValue } from './json-pointer.ts';

type Pages = NonNullable<Config['datasets'][string]['pages']>;

/** A page that has been read. */
export interface ReadPage {
  readonly url: string;
  /** Counted from 0. */
  readonly index: number;
  readonly link: string | undefined;
  /** The body where the rule needs it, decoded; undefined else. */
  readonly body: unknown;
  /** Number of records in it, where the rule needs it. */
  readonly records: number;
  /** Number of records in all pages so far, this one included. */
  readonly total: number;
}

/** Whether the rule looks into the body. */
export function looksIntoBody({ next }: Pages): boolean {
  return next !== 'link';
}

/** The first page's URL. */
export function firstPageUrl(url: string, { next }: Pages): string {
  return next !== 'link' && 'start' in next ? withParameter(url, next.parameter, String(next.start)) : url;
}

/** The next page's URL; undefined behind the last. @throws DatasetError `bad-document` */
export function nextPageUrl(page: ReadPage, { next }: Pages): string | undefined {
  if (next === 'link') return linkedPage(page);
  if ('cursor' in next) {
    const cursor = pointerValue(page.body, next.cursor);
    if (cursor === undefined || cursor === null || cursor === '') return undefined;
    if (typeof cursor !== 'string' && typeof cursor !== 'number')
      throw new DatasetError(
        'bad-document',
        `page ${page.index + 1}: the cursor at ${next.cursor} is no text`,
      );
    return withParameter(page.url, next.parameter, String(cursor));
  }
  if (page.records === 0) return undefined;
  const total = next.total === undefined ? undefined : pointerValue(page.body, next.total);
  if (typeof total === 'number' && page.total >= total) return undefined;
  return withParameter(page.url, next.parameter, String(next.start + page.index + 1));
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
