/** What a flight is to fetch. */
import type { EntryKey } from '../entry/entry-key.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import type { LookupPlan } from '../entry/request-plan.ts';

/**
 * - `any`        whatever may be answered now, also from the store
 * - `confirmed`  the upstream must have its say, be it a 304
 * - `whole`      what is stored is of no use: its partitions cannot be read
 */
export type FetchNeed = 'any' | 'confirmed' | 'whole';

/** What to fetch. */
export interface FetchTask extends LookupPlan {
  readonly need: FetchNeed;
  /** What the responses of the plan's key are known to vary by. */
  readonly varies: readonly string[];
  /** Where the response will be found: the plan's key, or that of a variant. */
  readonly entryKey: EntryKey;
  /** Whether a response will do that another server had when it was asked for. */
  readonly acceptsEarlier: (head: JudgedHead) => boolean;
  /** For one caller beside another fetch of the same: nobody joins or follows it, and what it brings is not stored; a 304 renews what is. */
  readonly isAlone?: boolean;
}
