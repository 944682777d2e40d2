/** Purging by URL: the entries of all request headers that were told apart under it. */
import type { EntryContext } from './entry-context.ts';
import { entryKey } from './entry-key.ts';
import { planRequest } from './request-plan.ts';

const PAGE_KEYS = 1000;

/**
 * Removes the stored entries of a URL and keeps the flights under way from publishing. It walks over the names in the store,
 * which on a large one takes as long as `pannier ls` does.
 *
 * @returns how many entries there were
 */
export async function removeUrl(url: string, context: EntryContext): Promise<number> {
  const { upstreams, plainUrls, store, flights } = context;
  const exact = new Set<string>();
  const prefixes = new Set<string>();
  for (const coding of ['gzip', 'identity']) {
    // What cannot be shared now may have been a moment ago, so that its memory does not count here.
    const request = { method: 'GET', url, headers: [['accept-encoding', coding]] as const };
    const plan = planRequest(request, { upstreams, plainUrls, uncacheable: { has: () => false } });
    if (plan.kind !== 'lookup') continue;
    exact.add(plan.key.text);
    prefixes.add(entryKey(plan.key.scope, 'original', `GET ${plan.target.url}`).text);
  }
  const isOfUrl = (key: string): boolean => {
    if (exact.has(key)) return true;
    // A header of the key follows the URL behind an escaped line feed.
    return [...prefixes].some((prefix) => key === prefix || key.startsWith(`${prefix}%0A`));
  };
  flights.revoke(isOfUrl);
  const keys = new Set(exact);
  for (const contains of prefixes) {
    let cursor = '';
    do {
      const page = await store.listKeys({ contains, cursor, limit: PAGE_KEYS });
      for (const key of page.keys) if (isOfUrl(key)) keys.add(key);
      cursor = page.cursor;
    } while (cursor !== '');
  }
  const removed = await Promise.all([...keys].map(async (key) => await store.deleteManifest(key)));
  return removed.filter(Boolean).length;
}
