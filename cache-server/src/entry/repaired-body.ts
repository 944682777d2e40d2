/**
 * The rest of a stored body of which a partition is lost: from the one fetch that brings it anew for all who read it, or from what that has
 * stored, where it is certain that both are the same bytes.
 */
import { getHeader, haveSameBytes } from '@pannier/http-semantics';
import { joinWhole } from './answer-from-flight.ts';
import type { FlightRequest } from './answer-from-flight.ts';
import type { Repair } from './body-repair.ts';
import type { EntryBody } from './entry-answer.ts';
import { flightBody, storedBody } from './entry-bodies.ts';
import type { EntryContext } from './entry-context.ts';
import { isFor } from '../fetch/flight-head.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import { bodyBytesOf } from './manifest.ts';
import type { Manifest } from './manifest.ts';

/** How the body of an answer to a request goes on when what is stored of it is lost. */
export function repairOf({ asked, varies }: Omit<FlightRequest, 'need'>, context: EntryContext): Repair {
  return async ({ manifest, offset }, signal) => {
    try {
      // What was lost has been removed: whatever is found now has been stored since.
      const body = await sameBody({ asked, varies, need: 'any' }, { manifest, context }, signal);
      return body?.open(offset, signal);
    } catch {
      // Whoever failed has reported it, and the reader is told of what was lost.
      signal.throwIfAborted();
      return undefined;
    }
  };
}

/** @returns undefined when what there is now is not certain to be the same */
async function sameBody(
  wanted: FlightRequest,
  { manifest: lost, context }: { manifest: Manifest; context: EntryContext },
  signal: AbortSignal,
): Promise<EntryBody | undefined> {
  const { key, request } = wanted.asked;
  // Who comes to what is lost last finds what the others have had fetched.
  const found = await context.manifests.read(key.text);
  if (found !== undefined && found.version !== lost.version) return await storedAs(lost, found);
  const seat = joinWhole(wanted, context);
  try {
    const head = await seat.head(signal);
    if (head.kind === 'stored') return await storedAs(lost, head.manifest);
    if (head.kind !== 'arriving' || !head.isShared || !isFor(head, request.headers)) return undefined;
    const { version, publishesAs } = seat.flight;
    const body = flightBody({ version, body: head.body, scope: publishesAs.scope }, context);
    if (isSame(lost, head.head, body.bodyBytes)) return body;
    body.release();
    return undefined;
  } finally {
    seat.leave();
  }

  async function storedAs(other: Manifest, now: Manifest): Promise<EntryBody | undefined> {
    return isSame(other, now, bodyBytesOf(now)) ? await storedBody(key.text, now, context) : undefined;
  }
}

function isSame(lost: Manifest, head: JudgedHead, bodyBytes: number | undefined): boolean {
  return (
    lost.status === head.status &&
    haveSameBytes(lost.headers, head.headers) &&
    getHeader(lost.headers, 'content-encoding') === getHeader(head.headers, 'content-encoding') &&
    (bodyBytes === undefined || bodyBytes === bodyBytesOf(lost))
  );
}
