/**
 * A copy with memory of its own. Node cuts small buffers from a pool (64 KiB in Node 24): one that is kept would keep the whole
 * piece alive, and none of them could be transferred to a worker.
 */
export function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  copy.set(bytes);
  return copy;
}
