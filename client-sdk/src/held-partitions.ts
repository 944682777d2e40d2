/** Partitions that a client holds: what a later read need not send again. Compressed, bounded in bytes, the least recently used go first. */
import type { StoredPartition } from '@pannier/proto';
import { LRUCache } from 'lru-cache';

/** Digests that one read names at most; the server sends what is not named. */
const NAMED_MAX = 2_000;
const OVERHEAD_BYTES = 300;

/** What a read names to the server, and has for itself as long as it lasts. */
export interface Announcement {
  readonly digests: readonly Uint8Array[];
  get(digest: Uint8Array): StoredPartition | undefined;
}

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

  /**
   * What is held of a dataset, the most recently used first. A read keeps what it names to the server until it has ended: what comes
   * meanwhile may drive it out of here.
   */
  of(dataset: string): Announcement {
    const found = new Map<string, StoredPartition>();
    for (const key of this.#held.keys()) {
      const partition = key.startsWith(`${dataset}\n`) ? this.#held.peek(key) : undefined;
      if (partition !== undefined) found.set(key, partition);
      if (found.size === NAMED_MAX) break;
    }
    return {
      digests: [...found.values()].map(({ digest }) => digest),
      get: (digest) => {
        const key = keyOf(dataset, digest);
        // Asked for, so that it counts as used.
        return this.#held.get(key) ?? found.get(key);
      },
    };
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
