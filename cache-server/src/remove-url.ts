/** Purging by URL: the entries of all request headers that were told apart under it. */
import type { EntryContext } from './entry-context.ts';
import { urlKey } from './entry-key.ts';
import { planRequest } from './request-plan.ts';
import type { LookupPlan } from './request-plan.ts';
import type { EntryStore } from './store/entry-store.ts';

const PAGE_KEYS = 1000;

/**
 * Removes the stored entries of a URL and keeps the flights under way from publishing.
 *
 * @param exhaustive also walks over the names in the store, which on a large one takes as long as `pannier ls` does
 * @returns how many entries there were
 */
export async function removeUrl(url: string, exhaustive: boolean, context: EntryContext): Promise<number> {
  const { store, flights, urlIndex } = context;
  const exact = new Set<string>();
  const prefixes = new Set<string>();
  const plans: LookupPlan[] = [];
  for (const coding of ['gzip', 'identity']) {
    const request = { method: 'GET', url, headers: [['accept-encoding', coding]] as const };
    const plan = planRequest(request, context);
    if (plan.kind !== 'lookup') continue;
    exact.add(plan.key.text);
    prefixes.add(urlKey(plan.key, plan.target.url).text);
    plans.push(plan);
  }
  const isOfUrl = (key: string): boolean => {
    if (exact.has(key)) return true;
    // A header of the key follows the URL behind an escaped line feed.
    return [...prefixes].some((prefix) => key === prefix || key.startsWith(`${prefix}%0A`));
  };
  // Before the list is read: what is published from now on would not be in it.
  flights.revoke(isOfUrl);
  const [plan] = plans;
  const keys = new Set([...exact, ...(plan === undefined ? [] : await urlIndex.keysOf(plan))]);
  if (exhaustive) for (const prefix of prefixes) await addListed(keys, { prefix, isOfUrl, store });
  const removed = await Promise.all([...keys].map(async (key) => await removeEntry(key, context)));
  return removed.filter(Boolean).length;
}

/** True for a response; what only tells where responses are goes with them, uncounted. */
async function removeEntry(key: string, { manifests, store }: EntryContext): Promise<boolean> {
  const entry = await manifests.readEntry(key);
  return (await store.deleteManifest(key)) && entry?.kind !== 'rule';
}

async function addListed(
  keys: Set<string>,
  { prefix, isOfUrl, store }: { prefix: string; isOfUrl: (key: string) => boolean; store: EntryStore },
): Promise<void> {
  let cursor = '';
  do {
    const page = await store.listKeys({ contains: prefix, cursor, limit: PAGE_KEYS });
    for (const key of page.keys) if (isOfUrl(key)) keys.add(key);
    cursor = page.cursor;
  } while (cursor !== '');
}
