/** What is done with a response whose head has just arrived. */
import { hasHeader } from '@pannier/http-semantics';
import type { HeaderList, NotStorableReason, StoringRefusal } from '@pannier/http-semantics';
import { entryStorability } from './entry-freshness.ts';
import type { JudgedHead } from './entry-freshness.ts';

/**
 * - `store`      stored, and passed on to all who wait
 * - `relay`      passed on to all who wait, then forgotten: an error, or nothing that could be used again
 * - `too-large`  the same, because it is over `limits.entryBytesMax`
 * - `one-only`   for one caller alone; the others ask for themselves
 */
export type ResponsePlan = 'store' | 'relay' | 'too-large' | 'one-only';

/** What is done, and why it is not stored; undefined where it is. */
export interface PlannedResponse {
  readonly plan: ResponsePlan;
  readonly refusal?: StoringRefusal;
}

/** What these responses say concerns one caller. The other reasons only say that keeping them is of no use. */
const NOT_SHAREABLE: ReadonlySet<NotStorableReason> = new Set([
  'request',
  'credentials',
  'partial',
  'not-understood',
  'no-store',
  'private',
  'set-cookie',
  'vary',
  'vary-any',
]);

/** Decides from the head, and from how the end of the body will be known. */
export function planResponse(
  head: JudgedHead,
  body: { readonly framing: string; readonly bodyBytes: number | undefined },
  given: {
    readonly sent: HeaderList;
    readonly closeDelimited: 'relay' | 'rfc';
    /** Headers went upstream that the key does not know. */
    readonly isOpen: boolean;
    /** What is stored may go on answering while the upstream fails. */
    readonly stands: boolean;
    readonly limits: { entryBytesMax: number; partitionBytes: number; partitionsMax: number };
  },
): PlannedResponse {
  const { limits, sent, closeDelimited, isOpen, stands } = given;
  const verdict = entryStorability(head, sent);
  // An upstream that fails tells everyone the same: asking it once for each of them would not help it.
  const isFailure = head.status >= 500 && !verdict.storable && verdict.reason === 'no-store';
  if (!verdict.storable) {
    // What is of no use later may still be one caller's: what its own headers asked for, or a cookie made for it.
    const isOwn = (isOpen && head.status < 500) || hasHeader(head.headers, 'set-cookie');
    const plan = (NOT_SHAREABLE.has(verdict.reason) && !isFailure) || isOwn ? 'one-only' : 'relay';
    return { plan, refusal: verdict.reason };
  }
  // An error page that may be kept is still no reason to lose what stands in for it.
  if (stands && head.status >= 500) return { plan: 'relay', refusal: 'stale-kept' };
  // An end that only the closing connection marks looks like a broken connection: it proves nothing.
  if (body.framing === 'close' && closeDelimited === 'relay')
    return { plan: 'relay', refusal: 'close-delimited' };
  const bytesMax = Math.min(limits.entryBytesMax, limits.partitionBytes * limits.partitionsMax);
  return (body.bodyBytes ?? 0) > bytesMax ? { plan: 'too-large', refusal: 'too-large' } : { plan: 'store' };
}
