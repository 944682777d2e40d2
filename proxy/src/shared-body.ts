/**
 * One body, read once and given to many. Whoever is furthest ahead reads on for all; the others find what they have not read yet in a window.
 * Who falls behind the window is let go, so that nobody is slowed by a slower reader.
 */
import { PannierError } from '@pannier/client/transport';
import { abortable } from '@pannier/runtime';

/** What all windows of a process hold together. */
export interface WindowsBudget {
  readonly bytesMax: number;
  bytes: number;
}

/** How much of a body is kept for those who are behind. */
export interface SharedBodyLimits {
  readonly windowBytesMax: number;
  /** When it is used up, a window keeps its last chunk alone. */
  readonly budget: WindowsBudget;
}

/** So many bodies may have readers as far apart as they may be. */
const FULL_WINDOWS_MAX = 16;

/** The limits of all shared bodies of a proxy. */
export function sharedBodyLimits({ relayWindowBytes }: { relayWindowBytes: number }): SharedBodyLimits {
  const budget = { bytes: 0, bytesMax: FULL_WINDOWS_MAX * relayWindowBytes };
  return { windowBytesMax: relayWindowBytes, budget };
}

/** One reader's place. */
export interface SharedBodyReader {
  readonly signal: AbortSignal;
  /** Called with what it has read, in bytes, when what it needs next is gone; what it returns is read instead. */
  readonly onBehind: (offset: number) => AsyncIterable<Uint8Array>;
  /** Called when it ends in any way. */
  readonly onEnd: () => void;
}

interface Place {
  index: number;
}

/** See above. */
export class SharedBody {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #limits: SharedBodyLimits;
  readonly #done = Promise.withResolvers<undefined>();
  readonly #places = new Set<Place>();
  #reading: Promise<void> | undefined;
  #window: Uint8Array[] = [];
  #windowBytes = 0;
  /** Number of the window's first chunk. */
  #first = 0;
  #isWhole = false;
  #isReleased = false;
  #error: Error | undefined;

  constructor(source: AsyncIterable<Uint8Array>, limits: SharedBodyLimits) {
    this.#source = source[Symbol.asyncIterator]();
    this.#limits = limits;
  }

  /** Settles when the last byte has come, or the body has failed. Never rejects. */
  get done(): Promise<unknown> {
    return this.#done.promise;
  }

  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Whether one more reader would get it from its first byte, and there is something to wait for. */
  get isJoinable(): boolean {
    return this.#first === 0 && this.#error === undefined && !this.#isWhole && !this.#isReleased;
  }

  /** The body from its first byte. The chunks are everybody's, and not to be written to. */
  read({ signal, onBehind, onEnd }: SharedBodyReader): AsyncGenerator<Uint8Array, void, undefined> {
    const place: Place = { index: 0 };
    this.#places.add(place);
    const end = (): void => {
      this.#places.delete(place);
      onEnd();
    };
    return this.#chunks(place, { signal, onBehind, onEnd: end });
  }

  /** Nobody reads any more. */
  release(): void {
    this.#isReleased = true;
    while (this.#window.length > 0) this.#shift();
    if (this.#isWhole) return;
    this.fail(new PannierError('cancelled', 'nobody reads the body any more'));
    this.#source.return?.().catch(() => undefined);
  }

  fail(error: unknown): void {
    this.#error ??= error instanceof Error ? error : new Error(String(error));
    this.#done.resolve(undefined);
  }

  async *#chunks(
    place: Place,
    { signal, onBehind, onEnd }: SharedBodyReader,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let offset = 0;
    try {
      for (;;) {
        signal.throwIfAborted();
        const chunk = this.#window[place.index - this.#first];
        if (place.index < this.#first) break;
        if (chunk !== undefined) {
          place.index += 1;
          offset += chunk.byteLength;
          yield chunk;
        } else if (this.#error !== undefined) throw this.#error;
        else if (this.#isWhole) return;
        else await abortable((this.#reading ??= this.#readNext()), signal);
      }
    } finally {
      onEnd();
    }
    yield* onBehind(offset);
  }

  /** Takes the next chunk for everybody; asked for by whoever is furthest ahead. */
  async #readNext(): Promise<void> {
    try {
      const next = await this.#source.next();
      if (next.done === true) {
        this.#isWhole = true;
        this.#done.resolve(undefined);
      } else if (!this.#isReleased) this.#push(next.value);
    } catch (error) {
      this.fail(error);
    } finally {
      this.#reading = undefined;
    }
  }

  #push(chunk: Uint8Array): void {
    const { windowBytesMax, budget } = this.#limits;
    this.#window.push(chunk);
    this.#windowBytes += chunk.byteLength;
    budget.bytes += chunk.byteLength;
    const isTooMuch = (): boolean => this.#windowBytes > windowBytesMax || budget.bytes > budget.bytesMax;
    while (this.#window.length > 1 && isTooMuch()) this.#shift();
    if (this.#first === 0) return;
    // Nobody can join any more: what all have read is of no use.
    const needed = Math.min(...[...this.#places].map(({ index }) => index));
    while (this.#window.length > 1 && this.#first < needed) this.#shift();
  }

  #shift(): void {
    const bytes = this.#window.shift()?.byteLength ?? 0;
    this.#first += 1;
    this.#windowBytes -= bytes;
    this.#limits.budget.bytes -= bytes;
  }
}

/** What becomes of a reader that is too slow where nothing else can give it the rest. */
export function fellBehind(offset: number): never {
  throw new PannierError('body-broken', `after ${offset} bytes: the reader fell behind the others`);
}
