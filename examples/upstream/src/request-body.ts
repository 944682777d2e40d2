import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** What is known of a request body after its last byte. */
export interface RequestBody {
  byteLength: number;
  /** Hex. */
  sha256: string;
  /** Absent when there were more bytes than the reader wanted to keep. */
  bytes?: Buffer;
}

/**
 * Reads a request body to its end, keeping at most so many bytes. It never stops half-way: leaving the loop would
 * destroy the connection that the answer is to go out on.
 */
export async function readRequestBody(message: IncomingMessage, keptBytesMax: number): Promise<RequestBody> {
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  let byteLength = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    hash.update(chunk);
    byteLength += chunk.length;
    if (byteLength <= keptBytesMax) kept.push(chunk);
  }
  const bytes = byteLength <= keptBytesMax ? { bytes: Buffer.concat(kept) } : {};
  return { byteLength, sha256: hash.digest('hex'), ...bytes };
}
