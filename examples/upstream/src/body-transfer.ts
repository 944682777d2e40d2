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
  /** Hears of every piece that was written. */
  onSent(bytes: number): void;
}

function* stepsOf(chunks: Iterable<Buffer>, stepBytes: number): Generator<Buffer> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += stepBytes) yield chunk.subarray(at, at + stepBytes);
  }
}

/** Writes a piece and waits until the kernel has it: then its buffer is free, and the client keeps up. */
async function writeThrough(response: ServerResponse, piece: Buffer, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
    response.write(piece, (error) => {
      signal.removeEventListener('abort', leave);
      if (error) reject(error);
      else resolve();
    });
  });
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
    await writeThrough(response, piece, signal);
    sentBytes += piece.length;
    transfer.onSent(piece.length);
  }
}
