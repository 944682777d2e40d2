/**
 * A body on its way from an upstream to any number of readers, and into the store behind their backs.
 *
 * While it is stored, the upstream and the store set its pace: a reader that falls out of the window reads what is stored already.
 * Once it is only relayed (too large, not storable, or the store failed), its readers set the pace: the window follows the slowest.
 * Either way the memory is bounded, whatever the length of the body.
 */
import type { Clock } from '../clock.ts';
import { CacheServerError } from '../errors.ts';
import { BodyRing } from './body-ring.ts';
import type { View } from './body-ring.ts';
import { BodyWriter } from './body-writer.ts';
import type { PartitionSink } from './body-writer.ts';
import type { ReaderPlace } from './reader-place.ts';
import { ReaderPlaces } from './reader-places.ts';
import type { SegmentPool } from './segment-memory.ts';

/** Bounds of one body; see the configuration. */
export interface BodyLimits {
  readonly entryBytesMax: number;
  readonly partitionsMax: number;
  readonly relayWindowBytes: number;
  readonly flightBytesBufferedMax: number;
  readonly inlineBytesMax: number;
}

/** Why a body that was to be stored will not be. */
export type StoringEnd = 'too-large' | 'store';

/** Settings of {@link FlightBody}. */
export interface FlightBodyOptions {
  readonly pool: SegmentPool;
  readonly clock: Clock;
  readonly limits: BodyLimits;
  /** Length of the whole body; undefined when only the end will tell. */
  readonly bodyBytes: number | undefined;
  /** Where its partitions go; undefined: it is relayed. */
  readonly sink: PartitionSink | undefined;
  /** Ends everything. */
  readonly signal: AbortSignal;
  readonly onStoringEnded: (why: StoringEnd, error?: unknown) => void;
  readonly onLagged: () => void;
  /** Called when a reader's place was given up. */
  readonly onLeft: () => void;
}

/** What a reader finds at its position. */
export type BodyStep =
  | { readonly kind: 'view'; readonly view: View }
  /** Digests of stored partitions, the first of which holds the position. */
  | { readonly kind: 'stored'; readonly digests: readonly Uint8Array[] }
  | { readonly kind: 'wait' }
  | { readonly kind: 'end' };

/** What became of a body that was to be stored. */
export type WrittenBody =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'partitions'; readonly digests: Uint8Array; readonly frameBytes: number };

/** How long an answer waits for a small body that may still ride in it, in milliseconds. */
const INLINE_WAIT_MS = 20;
/** Largest step of a reader, in bytes. */
const VIEW_BYTES_MAX = 256 * 1024;
/** Stored partitions that a reader behind the window takes at once. */
const STORED_AHEAD = 2;

/** One body. */
export class FlightBody {
  readonly places: ReaderPlaces;
  readonly #options: FlightBodyOptions;
  readonly #ring: BodyRing;
  readonly #writer: BodyWriter | undefined;
  #storing: boolean;
  #storingEnd: StoringEnd | undefined;
  #state: 'arriving' | 'whole' | 'failed' = 'arriving';
  #error: CacheServerError | undefined;
  #whole: Buffer | undefined;
  readonly #decided = Promise.withResolvers<void>();
  /** Set while the upstream is held back. */
  #resume: (() => void) | undefined;

  constructor(options: FlightBodyOptions) {
    const { pool, bodyBytes, sink, signal, clock, limits } = options;
    const resume = (): void => this.#resume?.();
    this.#options = options;
    this.places = new ReaderPlaces({ ...options, onMoved: resume });
    this.#ring = new BodyRing(pool, bodyBytes);
    this.#storing = sink !== undefined;
    const onFailed = (error: unknown): void => this.#endStoring('store', error);
    this.#writer = sink && new BodyWriter({ sink, onStored: resume, onFailed });
    signal.addEventListener('abort', resume, { once: true });
    if (bodyBytes !== undefined && bodyBytes > limits.inlineBytesMax) this.#decided.resolve();
    else clock.after(INLINE_WAIT_MS, this.#decided.resolve);
  }

  /** Settles, within 20 ms of the head, when it is known whether the whole body can ride in an answer. */
  get decided(): Promise<void> {
    return this.#decided.promise;
  }

  /** True while the body is, or will be, readable from the store. */
  get storing(): boolean {
    return this.#storing;
  }

  /** Why it will not be after all. */
  get storingEnd(): StoringEnd | undefined {
    return this.#storingEnd;
  }

  get isWhole(): boolean {
    return this.#state === 'whole';
  }

  /** Length in bytes, as far as it is known. */
  get bodyBytes(): number | undefined {
    return this.isWhole ? this.#ring.end : this.#options.bodyBytes;
  }

  get arrivedBytes(): number {
    return this.#ring.end;
  }

  /** Digest of a partition, once it is stored. */
  digestAt(index: number): Uint8Array | undefined {
    return this.#writer?.digestAt(index);
  }

  /** A copy of bytes from a position on, as many as lie together; undefined when they are not in memory. */
  peek(offset: number, bytesMax: number): Buffer | undefined {
    const view = this.#ring.viewAt(offset, bytesMax);
    return view && Buffer.from(view.bytes);
  }

  /** The whole body, once it is known to be whole and at most `limits.inlineBytesMax` long. */
  get whole(): Buffer | undefined {
    return this.#whole;
  }

  /** Whether a reader may still begin at the first byte. */
  get isReadableFromStart(): boolean {
    return this.#state !== 'failed' && (this.#ring.start === 0 || this.#storing || this.#whole !== undefined);
  }

  /** Takes the body from its source until it is whole. Rejects when the source does; readers then see the same error. */
  async pump(source: AsyncIterable<Buffer>): Promise<void> {
    try {
      for await (const chunk of source) await this.#take(chunk);
    } catch (error) {
      this.fail(error);
      throw error;
    }
    if (this.#ring.open !== undefined) this.#writer?.push(this.#ring.open);
    if (this.#ring.end <= this.#options.limits.inlineBytesMax && this.#ring.start === 0)
      this.#whole = this.#ring.copy();
    this.#state = 'whole';
    this.#decided.resolve();
    this.places.wakeAll();
  }

  /** Waits until a whole body is stored; undefined when it was not to be, or could not be. */
  async written(inManifestBytesMax: number): Promise<WrittenBody | undefined> {
    if (!this.#storing || this.#writer === undefined) return undefined;
    if (this.#whole !== undefined && this.#whole.length <= inManifestBytesMax)
      return { kind: 'whole', bytes: this.#whole };
    const digests = await this.#writer.finish();
    return digests && { kind: 'partitions', digests, frameBytes: this.#writer.frameBytes };
  }

  /** Ends the body with an error for all readers, behind the bytes that they can still have. */
  fail(error: unknown): void {
    if (this.#state !== 'arriving') return;
    this.#state = 'failed';
    this.#error =
      error instanceof CacheServerError
        ? error
        : new CacheServerError('internal', 'the body broke off', { cause: error });
    this.#storing = false;
    this.#writer?.stop();
    this.#decided.resolve();
    this.places.wakeAll();
  }

  /** What there is for a reader at its position. Throws what ended the body before it. */
  stepFor({ offset, error }: ReaderPlace): BodyStep {
    if (error !== undefined) throw error;
    if (offset < this.#ring.start) return this.#storedFrom(offset);
    const view = this.#ring.viewAt(offset, VIEW_BYTES_MAX);
    if (view !== undefined) return { kind: 'view', view };
    if (this.#error !== undefined) throw this.#error;
    if (!this.isWhole) return { kind: 'wait' };
    if (offset === this.#ring.end) return { kind: 'end' };
    throw new CacheServerError(
      'bad-request',
      `offset ${offset} is beyond the body's ${this.#ring.end} bytes`,
    );
  }

  /** Gives the memory back; nobody reads any more. */
  dispose(): void {
    this.places.stopLooking();
    this.#ring.clear();
  }

  async #take(chunk: Buffer): Promise<void> {
    const { entryBytesMax, partitionsMax, inlineBytesMax } = this.#options.limits;
    for (let taken = 0; taken < chunk.length;) {
      if (this.#ring.open === undefined) {
        await this.#room();
        this.#ring.extend();
      }
      const { open } = this.#ring;
      taken += this.#ring.append(chunk.subarray(taken));
      const tooLarge = this.#ring.end > entryBytesMax || (open?.index ?? 0) >= partitionsMax;
      if (this.#ring.end > inlineBytesMax) this.#decided.resolve();
      if (this.#storing && tooLarge) this.#endStoring('too-large');
      if (open !== undefined && this.#ring.open === undefined) this.#writer?.push(open);
      this.places.wakeAll();
    }
  }

  /** Waits until one more segment may be taken; this is what holds the upstream back. */
  async #room(): Promise<void> {
    const { signal, pool } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      this.#trim();
      if (this.#hasRoom()) break;
      const { firstEnd, start, end } = this.#ring;
      if (!this.#storing && this.places.lookForLaggards({ firstEnd, middle: (start + end) / 2 })) continue;
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
        if (pool.isFull) pool.onceReleased(resolve);
      });
      this.#resume = undefined;
    }
    this.places.stopLooking();
  }

  #hasRoom(): boolean {
    const { pool, limits } = this.#options;
    // A flight can always go on with two segments, whatever the others hold: so none waits for another.
    if (this.#ring.segmentCount < 2) return true;
    if (pool.isFull) return false;
    if (this.#storing) return (this.#writer?.unstoredBytes ?? 0) < limits.flightBytesBufferedMax;
    return this.#ring.heldBytes + pool.segmentBytes <= limits.relayWindowBytes;
  }

  /** Drops segments from the window's start that nobody needs in memory. */
  #trim(): void {
    const { pool, limits } = this.#options;
    for (let { first } = this.#ring; first !== undefined; { first } = this.#ring) {
      const overfull = pool.isFull || this.#ring.heldBytes + pool.segmentBytes > limits.relayWindowBytes;
      const needed = this.#storing ? !first.stored : this.places.needBefore(this.#ring.firstEnd);
      if (!overfull || needed) return;
      this.#ring.dropFirst();
    }
  }

  #endStoring(why: StoringEnd, error?: unknown): void {
    this.#storing = false;
    this.#storingEnd = why;
    this.#writer?.stop();
    this.#options.onStoringEnded(why, error);
    this.#resume?.();
  }

  #storedFrom(offset: number): BodyStep {
    const { segmentBytes } = this.#options.pool;
    const from = Math.floor(offset / segmentBytes);
    const to = Math.min(from + STORED_AHEAD, this.#ring.start / segmentBytes);
    const digests: Uint8Array[] = [];
    for (let index = from; index < to; index += 1) {
      const digest = this.#writer?.digestAt(index);
      // When storing ended midway, a later partition may be stored and this one not.
      if (digest === undefined) break;
      digests.push(digest);
    }
    if (digests.length > 0) return { kind: 'stored', digests };
    throw new CacheServerError('reader-lagged', 'what this reader needs has left the window');
  }
}
