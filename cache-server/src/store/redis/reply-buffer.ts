import { ownCopy } from '../own-copy.ts';

/**
 * A reply's bytes as the reader's own, or undefined for none. The client hands out views of the chunk that the socket read:
 * many replies may share one, and one of a few bytes would keep 64 KiB alive.
 */
export function ownBuffer(reply: unknown): Buffer | undefined {
  if (!Buffer.isBuffer(reply)) return undefined;
  return reply.byteLength === reply.buffer.byteLength ? reply : ownCopy(reply);
}
