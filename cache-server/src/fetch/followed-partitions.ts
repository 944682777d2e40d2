/** The store's side of a body that another server stores: each partition is there when that server says so. */
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import type { PartitionSink, StoredPartition } from '../flight/body-writer.ts';

/** How long a partition is waited for, in milliseconds. Past it the body is only relayed: nothing waits for ever for what may never come. */
const STORED_WAIT_MS_MAX = 10_000;

/** One body's partitions, which are handed over in their order. */
export class FollowedPartitions implements PartitionSink {
  readonly #clock: Clock;
  readonly #digests: (Uint8Array | undefined)[] = [];
  readonly #waiting = new Map<number, PromiseWithResolvers<StoredPartition>>();
  #next = 0;
  #error: CacheServerError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async store(): Promise<StoredPartition> {
    const index = this.#next;
    this.#next += 1;
    const digest = this.#digests[index];
    // The length of a frame that another server wrote only matters for its statistics.
    if (digest !== undefined) return { digest, frameBytes: 0 };
    if (this.#error !== undefined) throw this.#error;
    const waiting = Promise.withResolvers<StoredPartition>();
    this.#waiting.set(index, waiting);
    const late = new CacheServerError('store', 'another server did not store a partition in time');
    const stop = this.#clock.after(STORED_WAIT_MS_MAX, () => waiting.reject(late));
    try {
      return await waiting.promise;
    } finally {
      stop();
      this.#waiting.delete(index);
    }
  }

  /** A partition is in the store. */
  stored(index: number, digest: Uint8Array): void {
    this.#digests[index] = digest;
    this.#waiting.get(index)?.resolve({ digest, frameBytes: 0 });
  }

  /** Nothing more will be in the store. */
  fail(error: CacheServerError): void {
    this.#error = error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
  }
}
