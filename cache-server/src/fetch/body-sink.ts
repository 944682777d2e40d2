/** Encodes and stores the partitions of an arriving body. */
import { isCompressible } from '@pannier/http-semantics';
import { contentDigest, encodeFrame, frameInfo } from '@pannier/proto/partition-format';
import type { EntryContext } from '../entry/entry-context.ts';
import type { EntryKey } from '../entry/entry-key.ts';
import type { PartitionSink } from '../flight/body-writer.ts';
import { HEADROOM_BYTES } from '../flight/segment-memory.ts';
import type { JudgedHead } from '../freshness/entry-freshness.ts';
import type { Manifest } from '../entry/manifest.ts';
import { digestList } from '../partition/body-index.ts';
import { contentInPlace } from '../partition/fixed-size.ts';

/** After so many partitions that did not shrink, the rest of the body is not compressed either. */
const INCOMPRESSIBLE_MAX = 2;

/** What is being stored. */
export interface SinkTask {
  readonly key: EntryKey;
  readonly head: JudgedHead;
  /** The entry's old version, many of whose partitions may be those of the new one. */
  readonly replaced: Manifest | undefined;
}

/** Where one body's partitions go. Until the body is published they live only as long as a flight can take. */
export function storedBodySink({ key, head, replaced }: SinkTask, context: EntryContext): PartitionSink {
  const { store, limits } = context;
  const { scope } = key;
  const ttlMs = 2 * limits.fetchDeadlineMs;
  const known = knownDigests(replaced);
  let compress = isCompressible(head.headers);
  let incompressible = 0;

  /** Of an unchanged partition only the time to live is written; that it is there is proved by this. */
  const isThere = async (digest: Uint8Array): Promise<boolean> => {
    if (!known.has(hex(digest))) return false;
    const [extended] = await store.extendFrames(scope, [digest], ttlMs);
    return extended === true;
  };

  return {
    async store(memory, contentBytes) {
      const content = contentInPlace(memory, HEADROOM_BYTES, contentBytes);
      const digest = contentDigest(content, 'original');
      // The length of a frame that is there already is not known; it only matters for statistics.
      if (await isThere(digest)) return { digest, frameBytes: 0 };
      const frame = await encodeFrame(content, { scope, digest, compress });
      if (compress && frameInfo(frame).codec === 'none') incompressible += 1;
      compress &&= incompressible < INCOMPRESSIBLE_MAX;
      await store.writeFrames(scope, [{ digest, frame }], ttlMs);
      return { digest, frameBytes: frame.length };
    },
  };
}

function knownDigests(manifest: Manifest | undefined): ReadonlySet<string> {
  if (manifest?.body.kind !== 'partitions' || manifest.body.paged) return new Set();
  return new Set(digestList(manifest.body.digests).map(hex));
}

function hex(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}
