/** The partitioner of opaque bodies: pieces of one size, each the content of an *original* partition. */
import { decodeBytes, decodeFrame } from '@pannier/proto/partition-format';
import { CacheServerError } from '../errors.ts';

/** Bytes that MessagePack puts before a `bin` of up to 4 GiB; less for a short one. */
const BIN_HEAD_BYTES_MAX = 5;

/**
 * The content of a partition, made where its bytes lie: the `bin` head goes into the free bytes before them, so that 512 KiB need
 * not be copied. Equal to `encodeBytes` of those bytes.
 *
 * @param memory at least 5 free bytes before `start`
 * @returns a view of `memory`
 */
export function contentInPlace(memory: Buffer, start: number, length: number): Buffer {
  const headBytes = length < 0x100 ? 2 : length < 0x1_0000 ? 3 : BIN_HEAD_BYTES_MAX;
  const from = start - headBytes;
  memory[from] = headBytes === 2 ? 0xc4 : headBytes === 3 ? 0xc5 : 0xc6;
  memory.writeUIntBE(length, from + 1, headBytes - 1);
  return memory.subarray(from, start + length);
}

/**
 * The bytes in a frame, checked.
 *
 * @throws CacheServerError `store`, `isLost`, when the frame is damaged, or holds another number of bytes than expected
 */
export async function openPartition(
  { digest, frame }: { digest: Uint8Array; frame: Uint8Array },
  { scope, bodyBytes }: { scope: string; bodyBytes: number },
): Promise<Buffer> {
  try {
    const contentBytesMax = bodyBytes + BIN_HEAD_BYTES_MAX;
    const bytes = decodeBytes(await decodeFrame(frame, { scope, digest, contentBytesMax }));
    if (bytes.length === bodyBytes) return bytes;
  } catch (cause) {
    throw new CacheServerError('store', 'a stored partition is damaged', { cause, isLost: true });
  }
  throw new CacheServerError('store', 'a stored partition has not the length that its entry says', {
    isLost: true,
  });
}
