/** Stored partitions as they travel, checked and decoded. */
import type { StoredPartition } from '@pannier/proto';
import { PartitionFormatError, decodeFrame, frameInfo } from '@pannier/proto/partition-format';
import { PannierError } from '../errors.ts';

/** Largest content of one partition, in bytes; the servers cut at 16 MiB at most. */
const CONTENT_BYTES_MAX = 17 * 1024 * 1024;

/**
 * Decodes a partition: its frame off the main thread, its content by `decode`.
 *
 * @throws PannierError `protocol` when it is damaged, or bound to another scope or digest
 */
export async function decodeStored<T>(
  { frame, scope, digest }: StoredPartition,
  decode: (content: Uint8Array) => T,
): Promise<T> {
  try {
    return decode(await decodeFrame(frame, { scope, digest, contentBytesMax: CONTENT_BYTES_MAX }));
  } catch (error) {
    throw asProtocolFailure(error);
  }
}

/**
 * What a partition takes before and after it is decoded, in bytes.
 *
 * @throws PannierError `protocol` when its header is damaged
 */
export function storedBytes({ frame }: StoredPartition): number {
  try {
    return frame.byteLength + frameInfo(frame).contentBytes;
  } catch (error) {
    throw asProtocolFailure(error);
  }
}

function asProtocolFailure(error: unknown): unknown {
  if (!(error instanceof PartitionFormatError)) return error;
  return new PannierError('protocol', `a partition does not decode: ${error.message}`, { cause: error });
}
