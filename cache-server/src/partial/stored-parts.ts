/**
 * What is stored of a response of which only parts have come: a manifest under a key of its own, with the head of the 200 that they are
 * parts of, and a body in pieces. All of them have the same strong validator. https://www.rfc-editor.org/rfc/rfc9111#section-3.4
 */
import {
  addPiece,
  freshen,
  getHeader,
  haveSameBytes,
  missingRange,
  newestPieces,
  parseRanges,
  piecesOf,
  rangeStillApplies,
  storedFields,
} from '@pannier/http-semantics';
import type { ContentPart, Piece } from '@pannier/http-semantics';
import type { EntryRequest } from '../entry/entry-answer.ts';
import type { EntryContext } from '../entry/entry-context.ts';
import { partsKey } from '../entry/entry-key.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import { retentionMs } from '../freshness/entry-freshness.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import { encodeManifest } from '../entry/manifest.ts';
import type { Manifest, PiecedBody, WholeBody } from '../entry/manifest.ts';
import { extendBody, FRAMES_TTL_FACTOR } from '../fetch/publish-entry.ts';
import type { ManifestRead } from '../store/entry-store.ts';

/** A manifest of parts. */
export interface PartsManifest extends Manifest {
  readonly body: PiecedBody;
}

/** Pieces of one response; the oldest goes when there is one too many. */
const PIECES_MAX = 64;
/** Attempts at a swap while others add parts, too. */
const SWAP_ROUNDS_MAX = 64;

type Context = Pick<
  EntryContext,
  'manifests' | 'generations' | 'store' | 'frames' | 'limits' | 'clock' | 'report'
>;

/** The parts that are stored of a response, if there are any. What outdates the entry outdates its parts. */
export async function readParts(
  key: EntryKey,
  context: Pick<Context, 'manifests' | 'generations'>,
  how?: ManifestRead,
): Promise<PartsManifest | undefined> {
  return await withEntry(key, await context.manifests.read(partsKey(key).text, how), context);
}

/** Parts, unless they are outdated by what names their entry by its key, which is not theirs. */
async function withEntry(
  { text: key }: EntryKey,
  manifest: Manifest | undefined,
  { generations }: Pick<Context, 'generations'>,
): Promise<PartsManifest | undefined> {
  if (manifest === undefined || !isOfParts(manifest)) return undefined;
  const { scope } = manifest;
  const { verdict } = await generations.judge(manifest.generation, () => ({ key, scope }));
  return verdict === 'gone' || verdict === 'stale' ? undefined : manifest;
}

/** Whether this is not a whole response. */
export function isOfParts(manifest: Manifest): manifest is PartsManifest {
  return manifest.body.kind === 'pieces';
}

/**
 * Whether the parts are all that the request asks for, in as many ranges as it likes: only then may they answer it.
 * https://www.rfc-editor.org/rfc/rfc9111#section-3.3
 */
export function haveWanted(parts: PartsManifest, request: EntryRequest): boolean {
  if (request.method !== 'GET' || !rangeStillApplies(request, parts)) return false;
  const asked = parseRanges(getHeader(request.headers, 'range') ?? '', parts.body.bodyBytes);
  return (
    asked.kind === 'ranges' && asked.ranges.every((range) => piecesOf(parts.body.pieces, range) !== undefined)
  );
}

/** A part that has come. */
export interface ArrivedPart {
  readonly part: ContentPart;
  /** Of the whole. */
  readonly head: JudgedHead;
  readonly held: WholeBody;
  readonly version: string;
  readonly generation: Manifest['generation'];
}

/**
 * Adds a part to those that are stored of the same bytes; others make way for it, and so do parts that were invalidated. Never rejects.
 *
 * @returns whether all of the whole is stored now
 */
export async function storePart(key: EntryKey, arrived: ArrivedPart, context: Context): Promise<boolean> {
  const { manifests, store, report } = context;
  const place = partsKey(key);
  try {
    for (let round = 0; round < SWAP_ROUNDS_MAX; round += 1) {
      const { entry, comparison } = await manifests.standing(place.text);
      const there = entry?.kind === 'manifest' ? entry.manifest : undefined;
      const merged = await withPart(key, arrived, { former: await withEntry(key, there, context), context });
      if (merged === undefined) return false;
      const bytes = encodeManifest(place.text, merged);
      const write = { bytes, version: merged.version, ttlMs: retentionMs(merged), ...comparison };
      if (await store.writeManifest(place.text, write))
        return missingRange(merged.body.pieces, merged.body.bodyBytes) === undefined;
    }
    report('not-published', { key: place.text, reason: 'contended' });
  } catch (error) {
    report('store-write', { key: place.text, error });
  }
  return false;
}

/** @returns undefined when what is stored is a later version */
async function withPart(
  { scope, url = '' }: EntryKey,
  { part, head, held, version, generation }: ArrivedPart,
  { former, context }: { former: PartsManifest | undefined; context: Context },
): Promise<PartsManifest | undefined> {
  const { first, last, completeBytes } = part;
  const same = former !== undefined && isOfSameBytes(former, head, completeBytes) ? former : undefined;
  const isLater = former === undefined || former.requestTimeMs <= head.requestTimeMs;
  // Of two versions the one that was asked for later has the last word.
  if (same === undefined && !isLater) return undefined;
  const { headers, ...latest } = latestHead(same, head);
  const framesTtlMs = FRAMES_TTL_FACTOR * retentionMs({ ...latest, headers });
  const kept = same === undefined ? [] : await stillThere(same, framesTtlMs, context);
  const added = addPiece(kept, { first, last, skipBytes: 0, held });
  const bounds = { countMax: PIECES_MAX, bytesMax: context.limits.entryBytesMax };
  return {
    ...latest,
    headers: storedFields(headers),
    scope,
    url,
    version,
    generation: isLater ? generation : former.generation,
    body: { kind: 'pieces', bodyBytes: completeBytes, pieces: newestPieces(added, bounds) },
    framesExpireAtMs: context.clock.now() + framesTtlMs,
  };
}

function isOfSameBytes(former: PartsManifest, { headers }: JudgedHead, completeBytes: number): boolean {
  return former.body.bodyBytes === completeBytes && haveSameBytes(former.headers, headers);
}

/** Fields of the later response count: https://www.rfc-editor.org/rfc/rfc9111#section-3.4-4 */
function latestHead(former: PartsManifest | undefined, head: JudgedHead): JudgedHead {
  if (former === undefined) return head;
  const [earlier, later] = former.requestTimeMs > head.requestTimeMs ? [head, former] : [former, head];
  const { status, headers, requestTimeMs, responseTimeMs } = freshen(earlier, later) ?? later;
  return { status, headers, requestTimeMs, responseTimeMs, policy: later.policy };
}

/** The pieces whose frames are not lost; they live as long as the new part from now on. */
async function stillThere(
  { body, scope }: PartsManifest,
  ttlMs: number,
  context: Context,
): Promise<Piece<WholeBody>[]> {
  const found = await Promise.all(
    body.pieces.map(async ({ held }) => await extendBody({ body: held, scope }, ttlMs, context)),
  );
  return body.pieces.filter((_, index) => found[index]);
}
