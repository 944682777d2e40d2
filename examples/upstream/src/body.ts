/** Bytes of a resource that can be read from any offset; nothing is made before it is read. */
export interface Body {
  byteLength: number;
  /** Yields the bytes `[from, to)` in order. A yielded buffer is the reader's only until it asks for the next one. */
  chunks(from: number, to: number): Iterable<Buffer>;
}

/** Large enough to be cheap per byte, small enough that a client that leaves is noticed soon. */
const chunkBytes = 256 * 1024;

/** A body that lies in memory already; its chunks are views. */
export function bufferBody(bytes: Buffer): Body {
  return {
    byteLength: bytes.length,
    *chunks(from, to) {
      for (let at = from; at < to; at += chunkBytes) yield bytes.subarray(at, Math.min(to, at + chunkBytes));
    },
  };
}

export const emptyBody: Body = bufferBody(Buffer.alloc(0));
