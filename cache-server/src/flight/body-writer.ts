/** Stores the segments of an arriving body behind the readers' backs: a few at once, in any order of completion. */
import { DIGEST_BYTES } from '@pannier/proto/partition-format';
import type { Segment } from './body-ring.ts';

/** Where partitions go. */
export interface PartitionSink {
  /**
   * Encodes and stores one partition. The content lies behind `HEADROOM_BYTES` free bytes, which may be written to; the memory
   * must not be used once the promise has settled.
   */
  store(memory: Buffer, contentBytes: number): Promise<StoredPartition>;
}

/** A partition that is in the store. */
export interface StoredPartition {
  readonly digest: Uint8Array;
  readonly frameBytes: number;
}

/** Partitions of one body that are encoded and written at the same time. */
const CONCURRENT_MAX = 3;

/** Settings of {@link BodyWriter}. */
export interface BodyWriterOptions {
  readonly sink: PartitionSink;
  /** Called after every partition that was stored. */
  readonly onStored: () => void;
  /** Called once, when the first partition could not be stored; nothing more is written then. */
  readonly onFailed: (error: unknown) => void;
}

/** The store's side of one body. */
export class BodyWriter {
  readonly #options: BodyWriterOptions;
  readonly #digests: (Uint8Array | undefined)[] = [];
  #queue: Segment[] = [];
  #running = 0;
  #unstoredBytes = 0;
  #frameBytes = 0;
  #stopped = false;
  #idle: (() => void) | undefined;

  constructor(options: BodyWriterOptions) {
    this.#options = options;
  }

  /** Bytes that were handed over and are not stored yet. */
  get unstoredBytes(): number {
    return this.#unstoredBytes;
  }

  /** Length of the frames stored so far. */
  get frameBytes(): number {
    return this.#frameBytes;
  }

  /** Digest of a partition, once it is stored. */
  digestAt(index: number): Uint8Array | undefined {
    return this.#digests[index];
  }

  /** Hands over a segment to which nothing will be added. */
  push(segment: Segment): void {
    if (this.#stopped) return;
    segment.memory.hold();
    this.#unstoredBytes += segment.length;
    this.#queue.push(segment);
    this.#startNext();
  }

  /** Writes nothing more; what is under way ends by itself. */
  stop(): void {
    this.#stopped = true;
    for (const { memory } of this.#queue) memory.release();
    this.#queue = [];
    this.#idle?.();
  }

  /** Waits until everything is stored; undefined when it never will be. */
  async finish(): Promise<Uint8Array | undefined> {
    while (!this.#stopped && this.#running + this.#queue.length > 0) {
      await new Promise<void>((resolve) => (this.#idle = resolve));
    }
    if (this.#stopped) return undefined;
    const all = Buffer.allocUnsafe(this.#digests.length * DIGEST_BYTES);
    for (const [index, digest] of this.#digests.entries()) all.set(digest ?? [], index * DIGEST_BYTES);
    return all;
  }

  #startNext(): void {
    if (this.#running >= CONCURRENT_MAX) return;
    const segment = this.#queue.shift();
    if (segment === undefined) return;
    this.#running += 1;
    this.#store(segment)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#running -= 1;
        segment.memory.release();
        this.#startNext();
        this.#idle?.();
      });
  }

  async #store(segment: Segment): Promise<void> {
    const { digest, frameBytes } = await this.#options.sink.store(segment.memory.bytes, segment.length);
    if (this.#stopped) return;
    this.#digests[segment.index] = digest;
    this.#frameBytes += frameBytes;
    this.#unstoredBytes -= segment.length;
    segment.stored = true;
    this.#options.onStored();
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#options.onFailed(error);
  }
}
