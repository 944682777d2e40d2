/**
 * Which entries there are of a URL: its headers and variants make several. Kept in the store, so that a write to the URL can make all of
 * them out of date without a walk over every name there is.
 */
import type { Clock } from './clock.ts';
import { urlIndexKey } from './entry-key.ts';
import type { EntryKey } from './entry-key.ts';
import type { ManifestShelf } from './manifest-shelf.ts';
import type { LookupPlan } from './request-plan.ts';

type OfUrl = Pick<LookupPlan, 'key' | 'target'>;

/** Entries of one URL; the oldest one too many is removed from the store. */
const ENTRIES_PER_URL_MAX = 1024;
/** How old a list may be before it is written anew only to live longer, in milliseconds: far less than it lives. */
const WRITTEN_ANEW_MS = 24 * 3_600_000;

/** See the head of this file. */
export class UrlIndex {
  readonly #manifests: ManifestShelf;
  readonly #clock: Clock;

  constructor(manifests: ManifestShelf, clock: Clock) {
    this.#manifests = manifests;
    this.#clock = clock;
  }

  /**
   * Writes an entry down before it is published, or again when it is renewed.
   *
   * @returns false when it is not written down, and must not be published
   */
  async enter({ key, target }: OfUrl, { text }: EntryKey): Promise<boolean> {
    const now = this.#clock.now();
    return await this.#manifests.changeRule(urlIndexKey(key, target.url), (former) => {
      const variants = former?.variants ?? [];
      const isThere = variants.includes(text);
      if (former !== undefined && isThere && now - former.writtenAtMs < WRITTEN_ANEW_MS) return former;
      const all = isThere ? variants : [...variants, text].slice(-ENTRIES_PER_URL_MAX);
      return { names: [], variants: all, writtenAtMs: now };
    });
  }

  /** Keys of a URL's entries; none where the store has lost the list. */
  async keysOf({ key, target }: OfUrl): Promise<readonly string[]> {
    const found = await this.#manifests.readEntry(urlIndexKey(key, target.url).text);
    return found?.kind === 'rule' ? found.rule.variants : [];
  }
}
