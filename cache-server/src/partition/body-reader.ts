/** Reads a stored body: partitions as they are stored, a few ahead of the reader. */
import type { FramePart } from '../entry/entry-answer.ts';
import { CacheServerError } from '../errors.ts';
import type { PartitionedBody } from '../entry/manifest.ts';
import type { BodyFrames } from './body-frames.ts';
import { partitionDigests } from './body-index.ts';
import { openPartition } from './fixed-size.ts';

/** A stored body and where to read it from. */
export interface StoredBody {
  readonly body: PartitionedBody;
  readonly scope: string;
  readonly frames: BodyFrames;
}

/** Partitions that are read in one call of the store; the next call begins while these are being sent. */
const BATCH = 2;

/**
 * The body from an offset, as stored partitions.
 *
 * @throws CacheServerError `store` when one is missing or damaged (`isLost`) or the store fails, `bad-request` for an offset beyond the body
 */
export async function* readStoredBody(
  stored: StoredBody,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<FramePart, void, undefined> {
  const { bodyBytes, partitionBytes } = stored.body;
  if (offset > bodyBytes)
    throw new CacheServerError('bad-request', `offset ${offset} is beyond the body's ${bodyBytes} bytes`);
  if (offset === bodyBytes) return;
  const count = Math.ceil(bodyBytes / partitionBytes);
  let next = Math.floor(offset / partitionBytes);
  let skipBytes = offset % partitionBytes;
  let ahead = readBatch(stored, next, count);
  while (next < count) {
    signal.throwIfAborted();
    const batch = await ahead;
    next += batch.length;
    ahead = readBatch(stored, next, count);
    // Its failure is thrown when its turn comes, if it comes.
    ahead.catch(() => undefined);
    for (const part of batch) {
      yield { ...part, skipBytes, bodyBytes: part.bodyBytes - skipBytes };
      signal.throwIfAborted();
      skipBytes = 0;
    }
  }
}

/**
 * The whole body when it is one partition of at most `decodedBytesMax`, decoded; otherwise undefined, once its first partition is
 * seen to be there.
 *
 * @throws CacheServerError `store` when it is missing or damaged (`isLost`) or the store fails
 */
export async function readFirstPartition(
  stored: StoredBody,
  decodedBytesMax: number,
): Promise<Buffer | undefined> {
  const { bodyBytes, partitionBytes } = stored.body;
  const [first] = await readBatch(stored, 0, 1);
  if (first === undefined || bodyBytes > Math.min(decodedBytesMax, partitionBytes)) return undefined;
  return await openPartition(first, { scope: stored.scope, bodyBytes });
}

async function readBatch(stored: StoredBody, from: number, count: number): Promise<FramePart[]> {
  const { body, scope, frames } = stored;
  const to = Math.min(from + BATCH, count);
  if (to <= from) return [];
  const digests = await partitionDigests(body, { from, to }, stored);
  const found = await frames.read(scope, digests);
  return digests.map((digest, i) => {
    const frame = found[i];
    if (frame === undefined)
      throw new CacheServerError('store', 'a partition of the body is lost', { isLost: true });
    const restBytes = body.bodyBytes - (from + i) * body.partitionBytes;
    const bodyBytes = Math.min(body.partitionBytes, restBytes);
    return { kind: 'frame', scope, digest, frame, skipBytes: 0, bodyBytes };
  });
}
