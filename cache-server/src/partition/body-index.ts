/** Where a body's partitions are: their digests, in the manifest itself or in index pages that are stored like partitions. */
import { DIGEST_BYTES } from '@pannier/proto/partition-format';
import { DIGESTS_PER_PAGE } from '../manifest.ts';
import type { PartitionedBody } from '../manifest.ts';
import type { BodyFrames } from './body-frames.ts';
import { BIN_HEAD_BYTES_MAX, contentInPlace, openPartition, sealPartition } from './fixed-size.ts';
import type { SealedPartition } from './fixed-size.ts';

const PAGE_BYTES = DIGESTS_PER_PAGE * DIGEST_BYTES;

/** One digest out of many that lie one behind the other. */
export function digestAt(digests: Uint8Array, index: number): Uint8Array {
  return digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
}

/** The digests as a list. */
export function digestList(digests: Uint8Array): Uint8Array[] {
  return Array.from({ length: digests.byteLength / DIGEST_BYTES }, (_, index) => digestAt(digests, index));
}

/** Index pages for the digests of a body; none when they fit into the manifest. */
export async function sealIndexPages(digests: Uint8Array, scope: string): Promise<SealedPartition[]> {
  if (digests.byteLength <= PAGE_BYTES) return [];
  const pages: Promise<SealedPartition>[] = [];
  for (let at = 0; at < digests.byteLength; at += PAGE_BYTES) {
    const page = digests.subarray(at, at + PAGE_BYTES);
    const memory = Buffer.alloc(BIN_HEAD_BYTES_MAX + page.byteLength);
    memory.set(page, BIN_HEAD_BYTES_MAX);
    const content = contentInPlace(memory, BIN_HEAD_BYTES_MAX, page.byteLength);
    pages.push(sealPartition(content, { scope, compress: false }));
  }
  return await Promise.all(pages);
}

/**
 * Digests of a run of partitions, which may span index pages.
 *
 * @throws CacheServerError `store` when a page is missing or damaged
 */
export async function partitionDigests(
  body: PartitionedBody,
  run: { from: number; to: number },
  { frames, scope }: { frames: BodyFrames; scope: string },
): Promise<Uint8Array[]> {
  const digests: Uint8Array[] = [];
  for (let index = run.from; index < run.to; ) {
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
    const content = await openPartition({ digest, frame: frame ?? Buffer.alloc(0) }, expected);
    const end = Math.min(run.to, (page + 1) * DIGESTS_PER_PAGE);
    for (; index < end; index += 1) digests.push(digestAt(content, index % DIGESTS_PER_PAGE));
  }
  return digests;
}
