/**
 * zstd off the main thread with contexts that are used again. Node's one-shot `zstdCompress` makes a context of a megabyte and an
 * output buffer of the input's size for every call; for partitions that cost more in garbage collection than the compression.
 */
import { constants, createZstdCompress } from 'node:zlib';
import type { ZstdCompress } from 'node:zlib';

/** Contexts that are kept while nobody uses them: as many as libuv has threads by default. */
const IDLE_MAX = 4;

/** Output is cut from buffers of this size; a result that crosses from one to the next costs a second thread hop. */
const OUTPUT_BYTES = 1024 * 1024;

const idle: ZstdCompress[] = [];

function openContext(): ZstdCompress {
  const options = {
    // Every write is a frame of its own, compressed in one step: so its header gets the content's length, on which one-shot decoders
    // in other languages insist.
    flush: constants.ZSTD_e_end,
    chunkSize: OUTPUT_BYTES,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
    // A result is taken as a whole when its write is done, whatever its length.
    highWaterMark: Number.MAX_SAFE_INTEGER,
  };
  return createZstdCompress(options);
}

/**
 * Compresses with level 1: on JSON records, higher ones save little for much time.
 *
 * @param content must not change until the promise settles
 * @returns one zstd frame, in pieces
 * @throws whatever zlib reports; the context is given up then
 */
export async function compressZstd(content: Uint8Array): Promise<Buffer[]> {
  const context = idle.pop() ?? openContext();
  const pieces = await new Promise<Buffer[]>((resolve, reject) => {
    context.once('error', reject);
    context.write(content, (error) => {
      context.off('error', reject);
      if (error) reject(error);
      else resolve(takeAll(context));
    });
  });
  if (idle.length < IDLE_MAX) idle.push(context);
  else context.destroy();
  return pieces;
}

function takeAll(context: ZstdCompress): Buffer[] {
  const pieces: Buffer[] = [];
  for (let piece = context.read() as Buffer | null; piece !== null; piece = context.read() as Buffer | null)
    pieces.push(piece);
  return pieces;
}
