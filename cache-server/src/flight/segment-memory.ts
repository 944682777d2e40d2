/**
 * Memory for bodies that are arriving. Segments of full size are used again and again: 50 MB/s of fresh Buffers would grow the
 * process faster than the collector gives back.
 */

/** Free bytes before the content of every segment, where an encoder may put its own head without copying the content. */
export const HEADROOM_BYTES = 8;

/** Memory of one segment, given back when nobody holds it any more. */
export class SegmentMemory {
  /** The headroom, then room for the content. */
  readonly bytes: Buffer;
  readonly #free: () => void;
  #holders = 1;

  constructor(bytes: Buffer, free: () => void) {
    this.bytes = bytes;
    this.#free = free;
  }

  /** Bytes of content that fit. */
  get capacity(): number {
    return this.bytes.length - HEADROOM_BYTES;
  }

  /** Keeps the memory from being used again until the matching `release`. */
  hold(): void {
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.#free();
  }
}

/** Settings of {@link SegmentPool}. */
export interface SegmentPoolOptions {
  /** Content of a full segment: the size of a partition. */
  readonly segmentBytes: number;
  /** Bytes of all flights together beyond which a flight waits before it takes more than its first segments. */
  readonly bytesMax: number;
  /** Bytes of unused segments that are kept for the next flight. */
  readonly keptBytesMax: number;
}

/** The memory of all flights of this process. */
export class SegmentPool {
  readonly segmentBytes: number;
  readonly #bytesMax: number;
  readonly #keptMax: number;
  readonly #kept: Buffer[] = [];
  #usedBytes = 0;
  #waiting = new Set<() => void>();

  constructor({ segmentBytes, bytesMax, keptBytesMax }: SegmentPoolOptions) {
    this.segmentBytes = segmentBytes;
    this.#bytesMax = bytesMax;
    this.#keptMax = Math.floor(keptBytesMax / segmentBytes);
  }

  /** Bytes in use now, unused ones that are kept not counted. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get isFull(): boolean {
    return this.#usedBytes >= this.#bytesMax;
  }

  /** Calls back once, after the next segment was given back. */
  onceReleased(run: () => void): void {
    this.#waiting.add(run);
  }

  /** Memory for up to `contentBytes`, at most a full segment; the caller holds it. */
  take(contentBytes: number): SegmentMemory {
    const full = contentBytes >= this.segmentBytes;
    const length = HEADROOM_BYTES + (full ? this.segmentBytes : contentBytes);
    const bytes = (full ? this.#kept.pop() : undefined) ?? Buffer.allocUnsafeSlow(length);
    this.#usedBytes += length;
    return new SegmentMemory(bytes, () => this.#giveBack(bytes, full));
  }

  #giveBack(bytes: Buffer, full: boolean): void {
    this.#usedBytes -= bytes.length;
    if (full && this.#kept.length < this.#keptMax) this.#kept.push(bytes);
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const run of waiting) run();
  }
}
