/** Where a body's partitions are: their digests, in the manifest itself or in index pages that are stored like partitions. */
import { contentDigest, DIGEST_BYTES, encodeBytes, encodeFrame } from '@pannier/proto/partition-format';
import { CacheServerError } from '../errors.ts';
import { DIGESTS_PER_PAGE } from '../entry/manifest.ts';
import type { PartitionedBody } from '../entry/manifest.ts';
import type { BodyFrames } from './body-frames.ts';
import { openPartition } from './fixed-size.ts';

const PAGE_BYTES = DIGESTS_PER_PAGE * DIGEST_BYTES;

/** One digest out of many that lie one behind the other. */
function digestAt(digests: Uint8Array, index: number): Uint8Array {
  return digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
}

/** The digests as a list. */
export function digestList(digests: Uint8Array): Uint8Array[] {
  return Array.from({ length: digests.byteLength / DIGEST_BYTES }, (_, index) => digestAt(digests, index));
}

/** An index page, ready for the store. */
export interface IndexPage {
  readonly digest: Uint8Array;
  readonly frame: Buffer;
}

/** Index pages for the digests of a body; none when they fit into the manifest. */
export async function sealIndexPages(digests: Uint8Array, scope: string): Promise<IndexPage[]> {
  if (digests.byteLength <= PAGE_BYTES) return [];
  const pages: Promise<IndexPage>[] = [];
  for (let at = 0; at < digests.byteLength; at += PAGE_BYTES)
    pages.push(sealPage(digests.subarray(at, at + PAGE_BYTES), scope));
  return await Promise.all(pages);
}

async function sealPage(digests: Uint8Array, scope: string): Promise<IndexPage> {
  const content = encodeBytes(digests);
  const digest = contentDigest(content, 'original');
  // Digests do not compress.
  return { digest, frame: await encodeFrame(content, { scope, digest, compress: false }) };
}

/** Every digest of a body, those of its index pages included; undefined when a page is lost. */
export async function allDigests(
  body: PartitionedBody,
  { frames, scope }: { frames: BodyFrames; scope: string },
): Promise<Uint8Array[] | undefined> {
  const own = digestList(body.digests);
  if (!body.paged) return own;
  const pages = await frames.read(scope, own);
  if (pages.includes(undefined)) return undefined;
  const partitions = Math.ceil(body.bodyBytes / body.partitionBytes);
  return [...own, ...(await partitionDigests(body, { from: 0, to: partitions }, { frames, scope }))];
}

/**
 * Digests of a run of partitions, which may span index pages.
 *
 * @throws CacheServerError `store` when a page is missing or damaged (`isLost`), or the store fails
 */
export async function partitionDigests(
  body: PartitionedBody,
  run: { from: number; to: number },
  { frames, scope }: { frames: BodyFrames; scope: string },
): Promise<Uint8Array[]> {
  const digests: Uint8Array[] = [];
  for (let index = run.from; index < run.to;) {
    if (!body.paged) {
      digests.push(digestAt(body.digests, index));
      index += 1;
      continue;
    }
    const page = Math.floor(index / DIGESTS_PER_PAGE);
    const digest = digestAt(body.digests, page);
    const [frame] = await frames.read(scope, [digest]);
    const partitions = Math.ceil(body.bodyBytes / body.partitionBytes);
    const inPage = Math.min(DIGESTS_PER_PAGE, partitions - page * DIGESTS_PER_PAGE);
    const expected = { scope, bodyBytes: inPage * DIGEST_BYTES };
    if (frame === undefined)
      throw new CacheServerError('store', 'an index page of the body is lost', { isLost: true });
    const content = await openPartition({ digest, frame }, expected);
    const end = Math.min(run.to, (page + 1) * DIGESTS_PER_PAGE);
    for (; index < end; index += 1) digests.push(digestAt(content, index % DIGESTS_PER_PAGE));
  }
  return digests;
}
