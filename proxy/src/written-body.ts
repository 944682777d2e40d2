/** A body on its way to a client, at the client's pace. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

/** What is known of a body before it is read. */
export interface BodyToWrite {
  /** Undefined while unknown. */
  readonly bodyBytes: number | undefined;
  /** Aborted when the client leaves. */
  readonly left: AbortSignal;
  /** Told of each chunk once it is written. */
  readonly onChunk?: ((chunk: Uint8Array) => void) | undefined;
}

/**
 * Writes a body behind the head that stands already, and ends the response. Resolves when all of it was handed over, though the client may
 * still be reading.
 *
 * @throws what the body throws; the reason of `left`. The response is as it was left then, for the caller to break off
 */
export async function writeBody(
  response: ServerResponse,
  body: AsyncIterable<Uint8Array>,
  { bodyBytes, left, onChunk }: BodyToWrite,
): Promise<void> {
  let writtenBytes = 0;
  for await (const chunk of body) {
    left.throwIfAborted();
    writtenBytes += chunk.byteLength;
    const hasRoom = response.write(chunk);
    onChunk?.(chunk);
    // Behind the last byte only the end is to come, which needs no room; most bodies are one chunk, and never wait here.
    if (!hasRoom && writtenBytes !== bodyBytes) await once(response, 'drain', { signal: left });
  }
  response.end();
}
