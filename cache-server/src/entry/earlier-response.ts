/** Whether a response that came before a request did is one for that request, too. */
import { headOfWhole } from '@pannier/http-semantics';
import type { Asked } from './entry-answers.ts';
import type { FetchNeed } from '../fetch/fetch-task.ts';
import type { FlightHead } from '../fetch/flight-head.ts';
import { entryStorability, entryUse } from '../freshness/entry-freshness.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';

/** How long after its head a response may be joined although it is not fresh, in milliseconds. */
const JOINED_LATE_MS_MAX = 1000;

/**
 * Whether what a flight has brought already will do: while it is fresh, as if it came from the store. Only requests that were waiting
 * when it came may share what is not: https://www.rfc-editor.org/rfc/rfc9111#section-4
 *
 * But for a body that came a moment ago, may be kept, and is still arriving from the upstream: it is joined although it must be revalidated on
 * every use, else a slow one would be fetched once for each of a thousand callers. One that is all there has been answered with, and its client may
 * ask for what comes after it; and so may be one that arrives here by way of another server.
 */
export function acceptsEarlier(
  head: FlightHead,
  { asked, need, now }: { asked: Asked; need: FetchNeed; now: number },
): boolean {
  if (head.kind === 'released' || need === 'confirmed') return false;
  if (head.kind === 'stored') return need === 'any' && isGoodFor(asked, head.manifest, now);
  const isArriving = !head.body.isWhole && head.isFollowed !== true;
  const isJustIn = isArriving && now - head.head.responseTimeMs <= JOINED_LATE_MS_MAX;
  return mayBeKept(asked, head.head) && (isJustIn || isGoodFor(asked, head.head, now));
}

/** Whether what another server was answered before this request came will do: only what is as good as stored. */
export function acceptsTold(
  head: JudgedHead,
  { asked, need, now }: { asked: Asked; need: FetchNeed; now: number },
): boolean {
  return need !== 'confirmed' && mayBeKept(asked, head) && isGoodFor(asked, head, now);
}

/** A lifetime alone is no leave to be used again: some statuses never are. */
function mayBeKept({ plan }: Asked, head: JudgedHead): boolean {
  return entryStorability(head.status === 206 ? headOfWhole(head) : head, plan.sent).storable;
}

/** Whether a response answers a request as it is. */
export function isGoodFor({ request, plan }: Asked, head: JudgedHead, now: number): boolean {
  return entryUse(head, request.headers, { now, ignoreNoCache: plan.ignoreNoCache }) === 'fresh';
}
