/** Partitions that a client holds: what a later read need not send again. Compressed, bounded in bytes, the least recently used go first. */
import type { StoredPartition } from '@pannier/proto';
import { LRUCache } from 'lru-cache';

/** Digests that one read names at most; the server sends what is not named. */
const NAMED_MAX = 2_000;
const OVERHEAD_BYTES = 300;

/** Partitions by dataset and digest. */
export class HeldPartitions {
  readonly #held: LRUCache<string, StoredPartition>;
  readonly #isOff: boolean;

  /** @param bytesMax 0 turns it off */
  constructor(bytesMax: number) {
    this.#isOff = bytesMax === 0;
    this.#held = new LRUCache({
      maxSize: Math.max(1, bytesMax),
      sizeCalculation: ({ frame }) => frame.byteLength + OVERHEAD_BYTES,
    });
  }

  /** Digests of what is held of a dataset, the most recently used first. */
  digests(dataset: string): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (const key of this.#held.keys()) {
      const [name, digest = ''] = key.split('\n');
      if (name !== dataset) continue;
      found.push(Buffer.from(digest, 'base64'));
      if (found.length === NAMED_MAX) break;
    }
    return found;
  }

  get(dataset: string, digest: Uint8Array): StoredPartition | undefined {
    return this.#held.get(keyOf(dataset, digest));
  }

  /** Keeps a copy: a frame is a view of what came over the wire. */
  put(dataset: string, partition: StoredPartition): void {
    if (this.#isOff) return;
    const key = keyOf(dataset, partition.digest);
    if (this.#held.has(key)) return;
    const [digest, frame] = [new Uint8Array(partition.digest), new Uint8Array(partition.frame)];
    this.#held.set(key, { ...partition, digest, frame });
  }

  clear(): void {
    this.#held.clear();
  }
}

function keyOf(dataset: string, digest: Uint8Array): string {
  return `${dataset}\n${Buffer.from(digest).toString('base64')}`;
}
