import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Body } from './body.ts';
import { Pace } from './pace.ts';

/** Which bytes to send, and how. */
export interface Transfer {
  body: Body;
  from: number;
  /** Excluded. */
  to: number;
  bytesPerSecond: number | null;
  /** Fires when the client is gone. */
  signal: AbortSignal;
  /** Hears of every piece that was handed to the socket. */
  onSent(bytes: number): void;
}

function* stepsOf(chunks: Iterable<Buffer>, stepBytes: number): Generator<Buffer> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += stepBytes) yield chunk.subarray(at, at + stepBytes);
  }
}

/**
 * Writes the bytes to the response at the given pace and no faster than the client reads. Does not end the response.
 * Rejects with an AbortError when the client leaves.
 */
export async function transferBody(response: ServerResponse, transfer: Transfer): Promise<void> {
  const { body, from, to, bytesPerSecond, signal } = transfer;
  const pace = bytesPerSecond === null ? undefined : new Pace(bytesPerSecond, performance.now());
  let sentBytes = 0;
  for (const piece of stepsOf(body.chunks(from, to), pace?.stepBytes ?? Infinity)) {
    await pace?.turn(sentBytes, signal);
    signal.throwIfAborted();
    const roomLeft = response.write(piece);
    sentBytes += piece.length;
    transfer.onSent(piece.length);
    if (!roomLeft) await once(response, 'drain', { signal });
  }
}
