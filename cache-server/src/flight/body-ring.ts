/** The part of an arriving body that is in memory: segments of one size, filled at the end and dropped at the start. */
import { HEADROOM_BYTES } from './segment-memory.ts';
import type { SegmentMemory, SegmentPool } from './segment-memory.ts';

/** One segment; the position of its first byte in the body is `index * segmentBytes`. */
export interface Segment {
  readonly index: number;
  memory: SegmentMemory;
  /** Bytes of content in it. */
  length: number;
  /** True when its partition is in the store, so that it may be dropped while somebody still needs it. */
  stored: boolean;
}

/** Bytes of a body, in the memory of a segment. */
export interface View {
  readonly bytes: Buffer;
  readonly memory: SegmentMemory;
}

/** First size of a body's memory while its length is unknown; most bodies are small. */
const FIRST_BYTES = 16 * 1024;
const GROWTH = 4;

/** A window onto a body, in memory. */
export class BodyRing {
  readonly #pool: SegmentPool;
  readonly #bodyBytes: number | undefined;
  #segments: Segment[] = [];
  #nextIndex = 0;
  #end = 0;

  /** @param bodyBytes length of the whole body when it is known */
  constructor(pool: SegmentPool, bodyBytes: number | undefined) {
    this.#pool = pool;
    this.#bodyBytes = bodyBytes;
  }

  /** Position of the first byte that is still here. */
  get start(): number {
    const [first] = this.#segments;
    return first === undefined ? this.#end : first.index * this.#pool.segmentBytes;
  }

  /** Position behind the last byte that has arrived. */
  get end(): number {
    return this.#end;
  }

  get heldBytes(): number {
    return this.#segments.reduce((sum, { memory }) => sum + memory.bytes.length, 0);
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  get first(): Segment | undefined {
    return this.#segments[0];
  }

  /** The last segment while it is not full. */
  get open(): Segment | undefined {
    const last = this.#segments.at(-1);
    return last !== undefined && last.length < this.#pool.segmentBytes ? last : undefined;
  }

  /** Position behind the last byte of the first segment. */
  get firstEnd(): number {
    const [first] = this.#segments;
    return first === undefined ? this.#end : first.index * this.#pool.segmentBytes + first.length;
  }

  /** Adds an empty segment behind the last. */
  extend(): void {
    const { segmentBytes } = this.#pool;
    const expected =
      this.#bodyBytes === undefined
        ? this.#nextIndex === 0
          ? FIRST_BYTES
          : segmentBytes
        : Math.max(this.#bodyBytes - this.#end, 1);
    const memory = this.#pool.take(Math.min(expected, segmentBytes));
    this.#segments.push({ index: this.#nextIndex, memory, length: 0, stored: false });
    this.#nextIndex += 1;
  }

  /** Copies as much of a chunk as the last segment takes; says how much, 0 when it is full. */
  append(chunk: Buffer): number {
    const segment = this.open;
    if (segment === undefined) return 0;
    const wanted = Math.min(segment.length + chunk.length, this.#pool.segmentBytes);
    if (wanted > segment.memory.capacity) this.#grow(segment, wanted);
    const taken = chunk.copy(
      segment.memory.bytes,
      HEADROOM_BYTES + segment.length,
      0,
      wanted - segment.length,
    );
    segment.length += taken;
    this.#end += taken;
    return taken;
  }

  /** What is here from a position on, within one segment; undefined when nothing is. */
  viewAt(offset: number, bytesMax: number): View | undefined {
    const { segmentBytes } = this.#pool;
    const index = Math.floor(offset / segmentBytes);
    const segment = this.#segments[index - (this.#segments[0]?.index ?? 0)];
    const from = offset - index * segmentBytes;
    if (segment?.index !== index || from >= segment.length) return undefined;
    const to = Math.min(segment.length, from + bytesMax);
    const bytes = segment.memory.bytes.subarray(HEADROOM_BYTES + from, HEADROOM_BYTES + to);
    return { bytes, memory: segment.memory };
  }

  /** Gives up the first segment. */
  dropFirst(): void {
    this.#segments.shift()?.memory.release();
  }

  clear(): void {
    while (this.#segments.length > 0) this.dropFirst();
  }

  /** A copy of all that is here. */
  copy(): Buffer {
    const parts = this.#segments.map(({ memory, length }) =>
      memory.bytes.subarray(HEADROOM_BYTES, HEADROOM_BYTES + length),
    );
    return Buffer.concat(parts);
  }

  /** Views that readers hold stay valid: they hold the old memory. */
  #grow(segment: Segment, wanted: number): void {
    const old = segment.memory;
    segment.memory = this.#pool.take(
      Math.min(Math.max(wanted, old.capacity * GROWTH), this.#pool.segmentBytes),
    );
    old.bytes.copy(segment.memory.bytes, 0, 0, HEADROOM_BYTES + segment.length);
    old.release();
  }
}
