/** The last step of a flight that brought a part: it is stored among the other parts, or as the whole if it is that. */
import { isWholeContent, storedFields } from '@pannier/http-semantics';
import type { ContentPart } from '@pannier/http-semantics';
import type { EntryContext } from '../entry/entry-context.ts';
import { partsKey } from '../entry/entry-key.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import { flightVerdict } from '../fetch/flight-verdict.ts';
import type { FlightBody } from '../flight/flight-body.ts';
import type { Flight } from '../flight/flight.ts';
import { retentionMs } from '../freshness/entry-freshness.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import { bodyBytesOf } from '../entry/manifest.ts';
import { FRAMES_TTL_FACTOR, storedBodyOf } from '../fetch/publish-entry.ts';
import { storePart } from './stored-parts.ts';

/** Largest part that rides in the manifest, in bytes: there may be many of them. */
const INLINE_PART_BYTES_MAX = 2048;

/** What a flight brought. */
export interface FetchedPart {
  /** Of the response that it is a part of. */
  readonly key: EntryKey;
  readonly flight: Pick<Flight<unknown>, 'version' | 'captured' | 'tags' | 'publishesAs'>;
  readonly part: ContentPart;
  /** Of the whole. */
  readonly head: JudgedHead;
  readonly body: FlightBody;
  /** Writes down where it will be found, before it is there; false when that failed, and it must not be. */
  readonly enter: () => Promise<boolean>;
}

/**
 * Stores a part whose body is as long as its Content-Range says. Never rejects.
 *
 * @returns whether all parts of the whole are stored now
 */
export async function publishPart(
  { key, flight, part, head, body, enter }: FetchedPart,
  context: EntryContext,
): Promise<boolean> {
  const { scope, url = '' } = key;
  const { version, captured } = flight;
  const place = partsKey(key);
  const framesTtlMs = FRAMES_TTL_FACTOR * retentionMs(head);
  const inlineBytesMax = INLINE_PART_BYTES_MAX;
  try {
    const held = await storedBodyOf(body, { scope, framesTtlMs, inlineBytesMax }, context);
    // What came in chunks shows its length only now.
    if (held === undefined || bodyBytesOf({ body: held }) !== part.last - part.first + 1) return false;
    if (captured === undefined || flightVerdict(key, flight, context) === 'gone') return false;
    const { generation } = captured;
    const framesExpireAtMs = context.clock.now() + framesTtlMs;
    const headers = storedFields(head.headers);
    const manifest = { ...head, headers, scope, url, version, generation, body: held, framesExpireAtMs };
    // Whose way to this server broke off goes on with just this part.
    context.manifests.remember(flight.publishesAs.text, manifest);
    const isEntered = await enter();
    if (isEntered && !isWholeContent(part))
      return await storePart(key, { part, head, held, version, generation }, context);
    const end = isEntered ? await context.manifests.publish(key, manifest) : 'not-entered';
    if (end !== 'published') context.report('not-published', { key: key.text, reason: end });
  } catch (error) {
    context.report('store-write', { key: place.text, error });
  }
  return false;
}
