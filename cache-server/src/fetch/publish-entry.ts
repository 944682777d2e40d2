/** The last step of a flight: what was fetched or confirmed becomes what everybody finds. */
import { freshen, getHeader, storedFields } from '@pannier/http-semantics';
import type { HeaderList } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';
import type { EntryContext } from '../entry/entry-context.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import { isLoss } from '../errors.ts';
import { flightVerdict } from './flight-verdict.ts';
import type { FlightBody } from '../flight/flight-body.ts';
import type { Flight } from '../flight/flight.ts';
import { entryStorability, retentionMs } from '../freshness/entry-freshness.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import { MANIFEST_BODY_BYTES_MAX } from '../entry/manifest.ts';
import type { Manifest, WholeBody } from '../entry/manifest.ts';
import { allDigests, digestList, sealIndexPages } from '../partition/body-index.ts';

/** Of a flight that asked nobody: every invalidation outdates it. */
const NO_GENERATION: Generation = { epoch: '', sequence: 0 };

/** Frames live twice as long as their manifest, so that a reader who came last can still read to the end. */
export const FRAMES_TTL_FACTOR = 2;

/** What allows one of several servers to publish. */
export interface PublishingLease {
  /** Refused by the store once a later one has been seen. */
  readonly token: string;
  /** Whether it is still held, as far as anybody can tell. */
  confirm(): Promise<boolean>;
}

/**
 * Publishes a body that is whole: waits until its partitions are stored, proves that they all are, then swaps the manifest in. A
 * reader sees the old version or the new one. What was invalidated since the fetch began is published as outdated, or not at all. A failing store means that nothing is published; it never rejects.
 */
export async function publishEntry(
  entry: {
    key: EntryKey;
    flight: Pick<Flight<unknown>, 'version' | 'captured' | 'tags' | 'told'>;
    head: JudgedHead;
    body: FlightBody;
    /** Writes down where it will be found, before it is there; false when that failed, and it must not be. */
    enter: () => Promise<boolean>;
    /** By which it was asked for, among several servers. */
    lease?: PublishingLease | undefined;
    /** What stood under this key when the fetch began. */
    replaced?: Manifest | undefined;
  },
  context: EntryContext,
): Promise<void> {
  const { key, flight, head, body, enter, replaced, lease } = entry;
  const { version } = flight;
  const { clock, manifests, report } = context;
  const framesTtlMs = FRAMES_TTL_FACTOR * retentionMs(head);
  try {
    const stored = await storedBodyOf(
      body,
      { scope: key.scope, framesTtlMs, inlineBytesMax: MANIFEST_BODY_BYTES_MAX },
      context,
    );
    if (stored === undefined) return;
    const generation = flight.captured?.generation ?? NO_GENERATION;
    if (flightVerdict(key, flight, context) === 'gone') return;
    if (!(await enter())) return report('not-published', { key: key.text, reason: 'not-entered' });
    const framesExpireAtMs = clock.now() + framesTtlMs;
    const headers = storedFields(head.headers);
    const { scope, url = '' } = key;
    const { told } = flight;
    const manifest = {
      ...head,
      headers,
      scope,
      url,
      version,
      generation,
      told,
      body: stored,
      framesExpireAtMs,
    };
    // A process that was stopped does not know for how long. What happens between this and its write, the fence decides.
    if (lease !== undefined && !(await lease.confirm()))
      return report('not-published', { key: key.text, reason: 'lease-lost' });
    const fence = lease?.token;
    const kept = replaced && withVersionOf(replaced, manifest);
    // When it was removed or replaced meanwhile, this is a response like any other.
    const isKept = kept !== undefined && (await manifests.renew(key, kept, fence));
    const end = isKept ? 'published' : await manifests.publish(key, manifest, fence);
    if (end !== 'published') report('not-published', { key: key.text, reason: end });
    // Readers know it by the name of its flight, whatever it is called from now on.
    else if (isKept || stored.kind === 'partitions') manifests.remember(key.text, manifest);
  } catch (error) {
    report('store-write', { key: key.text, error });
  }
}

/** What tells how the bytes of a body are to be read. */
const OF_THE_CONTENT = ['content-type', 'content-encoding'];

/**
 * The new manifest under the old version, when the whole body came once more as it was: an upstream without validators confirmed it in its
 * way, and nobody who has it needs it anew. Undefined when anything differs.
 */
function withVersionOf(replaced: Manifest, manifest: Manifest): Manifest | undefined {
  const isSame =
    replaced.status === manifest.status &&
    OF_THE_CONTENT.every((name) => getHeader(replaced.headers, name) === getHeader(manifest.headers, name)) &&
    isSameBody(replaced.body, manifest.body);
  return isSame ? { ...manifest, version: replaced.version, body: replaced.body } : undefined;
}

function isSameBody(one: Manifest['body'], other: Manifest['body']): boolean {
  if (one.kind === 'inline' && other.kind === 'inline') return Buffer.compare(one.bytes, other.bytes) === 0;
  if (one.kind !== 'partitions' || other.kind !== 'partitions') return false;
  return (
    one.bodyBytes === other.bodyBytes &&
    one.partitionBytes === other.partitionBytes &&
    one.paged === other.paged &&
    Buffer.compare(one.digests, other.digests) === 0
  );
}

/** A stored response, and the request by which it was confirmed. */
interface Confirmed {
  readonly key: EntryKey;
  readonly stored: Manifest;
  /** Headers that went upstream. Where credentials were among them, the answer may be theirs alone. */
  readonly sent: HeaderList;
  /** Captured before that request. */
  readonly generation: Generation;
  readonly lease?: PublishingLease | undefined;
}

/**
 * Publishes what a 304 says of the stored response: new times and fields, the same body and version; frames are only extended.
 *
 * @returns undefined when the 304 does not confirm the stored response, or its frames are lost, which then is removed
 */
export async function publishRenewed(
  { fresh, ...confirmed }: Confirmed & { readonly fresh: JudgedHead },
  context: EntryContext,
): Promise<Manifest | undefined> {
  const freshened = freshen(confirmed.stored, fresh);
  if (freshened === undefined) return undefined;
  return await publishConfirmed({ ...confirmed, head: { ...freshened, policy: fresh.policy } }, context);
}

/** Publishes a stored body under a head that has been confirmed. @returns undefined when its frames are lost, or it may be stored no more */
export async function publishConfirmed(
  { key, stored, sent, generation, head, lease }: Confirmed & { readonly head: JudgedHead },
  context: EntryContext,
): Promise<Manifest | undefined> {
  const now = context.clock.now();
  const retainedMs = retentionMs(head);
  const outlive = stored.framesExpireAtMs >= now + retainedMs;
  const framesExpireAtMs = outlive ? stored.framesExpireAtMs : now + FRAMES_TTL_FACTOR * retainedMs;
  const headers = storedFields(head.headers);
  const judged = { generation, doubt: undefined, judgedAt: generation };
  const renewed: Manifest = { ...stored, ...head, headers, framesExpireAtMs, ...judged };
  const usable =
    entryStorability(head, sent).storable &&
    (outlive || (await extendBody(renewed, framesExpireAtMs - now, context)));
  if (!usable) {
    await context.manifests.removeVersion(key.text, stored.version);
    return undefined;
  }
  // Whoever replaced the entry meanwhile has something newer, and theirs stays. What was confirmed still answers.
  if (lease === undefined || (await lease.confirm()))
    await context.manifests.renew(key, renewed, lease?.token);
  return renewed;
}

/**
 * What a manifest says of a body, once all of it is stored and seen to be there.
 *
 * @param inlineBytesMax a body of up to so many bytes rides in the manifest
 * @returns undefined when the body was not to be stored, or could not be
 */
export async function storedBodyOf(
  body: FlightBody,
  { scope, framesTtlMs, inlineBytesMax }: { scope: string; framesTtlMs: number; inlineBytesMax: number },
  { store, limits, report }: EntryContext,
): Promise<WholeBody | undefined> {
  const written = await body.written(inlineBytesMax);
  if (written === undefined) return undefined;
  if (written.kind === 'whole') return { kind: 'inline', bytes: written.bytes };
  const pages = await sealIndexPages(written.digests, scope);
  if (pages.length > 0) await store.writeFrames(scope, pages, framesTtlMs);
  const found = await store.extendFrames(scope, digestList(written.digests), framesTtlMs);
  if (found.includes(false)) {
    report('not-published', { reason: 'partition-lost' });
    return undefined;
  }
  const paged = pages.length > 0;
  return {
    kind: 'partitions',
    bodyBytes: body.arrivedBytes,
    storedBytes: written.frameBytes,
    partitionBytes: limits.partitionBytes,
    paged,
    digests: paged ? Buffer.concat(pages.map(({ digest }) => digest)) : written.digests,
  };
}

/**
 * Has the frames of a body live longer. A store that fails proves nothing: the body is used, and its readers will see.
 *
 * @returns false when a frame is lost
 */
export async function extendBody(
  { body, scope }: Pick<Manifest, 'body' | 'scope'>,
  ttlMs: number,
  context: Pick<EntryContext, 'frames' | 'store' | 'report'>,
): Promise<boolean> {
  if (body.kind === 'inline') return true;
  if (body.kind === 'pieces') {
    const parts = body.pieces.map(({ held }) => ({ body: held, scope }));
    const found = await Promise.all(parts.map(async (part) => await extendBody(part, ttlMs, context)));
    return !found.includes(false);
  }
  try {
    const digests = await allDigests(body, { frames: context.frames, scope });
    // Lost pages were counted when they were looked for.
    if (digests === undefined) return false;
    if (!(await context.store.extendFrames(scope, digests, ttlMs)).includes(false)) return true;
    context.report('frame-missing');
    return false;
  } catch (error) {
    if (isLoss(error)) return false;
    context.report('store-write', { error });
    return true;
  }
}
