/**
 * Which entries there are of a URL: its headers and variants make several. Kept in the store, so that a write to the URL can make all of
 * them out of date without a walk over every name there is.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.ts';
import { urlIndexKey } from './entry-key.ts';
import type { EntryKey } from './entry-key.ts';
import type { ManifestShelf } from './manifest-shelf.ts';
import type { LookupPlan } from './request-plan.ts';

type OfUrl = Pick<LookupPlan, 'key' | 'target'>;

/** Entries of one URL; the oldest one too many is removed from the store. */
const ENTRIES_PER_URL_MAX = 256;
/** How long an entry counts as entered without looking again, in milliseconds: far less than the index lives. */
const ENTERED_MS = 3_600_000;
const ENTERED_MAX = 10_000;

/** See the head of this file. */
export class UrlIndex {
  readonly #manifests: ManifestShelf;
  readonly #entered: LRUCache<string, true>;

  constructor(manifests: ManifestShelf, clock: Clock) {
    this.#manifests = manifests;
    this.#entered = new LRUCache({ max: ENTERED_MAX, ttl: ENTERED_MS, ttlResolution: 0, perf: clock });
  }

  /** Writes an entry down before it is published. A store that fails keeps it from being published, too. */
  async enter({ key, target }: OfUrl, { text }: EntryKey): Promise<void> {
    if (this.#entered.has(text)) return;
    const isEntered = await this.#manifests.changeRule(urlIndexKey(key, target.url), (former) => {
      const others = (former?.variants ?? []).filter((other) => other !== text);
      return { names: [], variants: [...others, text].slice(-ENTRIES_PER_URL_MAX) };
    });
    if (isEntered) this.#entered.set(text, true);
  }

  /** Keys of a URL's entries; none where the store has lost the list. */
  async keysOf({ key, target }: OfUrl): Promise<readonly string[]> {
    const found = await this.#manifests.readEntry(urlIndexKey(key, target.url).text);
    return found?.kind === 'rule' ? found.rule.variants : [];
  }
}
