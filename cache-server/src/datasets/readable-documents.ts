/**
 * Documents for datasets that are cut while the store is away. A response that is stored, and whose beginning is in memory, counts as a hit,
 * but its rest cannot be read: it is fetched anew then.
 */
import { LRUCache } from 'lru-cache';
import type { BodyPart, EntryBody } from '../entry/entry-answer.ts';
import type { EntryService } from '../entry/entry-service.ts';
import { CacheServerError } from '../errors.ts';
import { isStoreAway } from './store-watch.ts';

/** URLs whose stored responses could not be read. */
const UNREADABLE_MAX = 10_000;

/** Whether a document broke off for reasons that asking for it again may overcome. */
export function isWorthAnother(error: unknown): boolean {
  return error instanceof CacheServerError && error.code === 'reader-lagged';
}

/** The same entries. A body that the store does not give to its end breaks off with `reader-lagged`, and the next request for it is a fetch. */
export function readableDocuments(entries: EntryService): EntryService {
  const unreadable = new LRUCache<string, true>({ max: UNREADABLE_MAX });
  return {
    ...entries,
    async getEntry(request, caller, signal) {
      const { url } = request;
      const asked = { ...request, isStoredUnreadable: unreadable.has(url) };
      const answer = await entries.getEntry(asked, caller, signal);
      if (answer.kind !== 'response') return answer;
      return { ...answer, body: watched(answer.body, () => unreadable.set(url, true)) };
    },
  };
}

function watched(body: EntryBody, onUnreadable: () => void): EntryBody {
  async function* open(...at: Parameters<EntryBody['open']>): AsyncGenerator<BodyPart, void, undefined> {
    try {
      yield* body.open(...at);
    } catch (error) {
      if (!isStoreAway(error)) throw error;
      onUnreadable();
      throw new CacheServerError('reader-lagged', 'the store does not give the rest of it', { cause: error });
    }
  }
  // Its other members tell of what is arriving, and may change.
  return Object.create(body, { open: { value: open } }) as EntryBody;
}
