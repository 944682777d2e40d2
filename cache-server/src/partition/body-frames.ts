/**
 * Frames from the store, checked, for all readers of this process. Readers of the same frame at the same time share one read, and the
 * frames read last stay for a while: a thousand readers of one body cost the store little more than one.
 */
import { checkFrame } from '@pannier/proto/partition-format';
import { LRUCache } from 'lru-cache';

/** What is needed of a store. */
export interface FrameSource {
  readFrames(scope: string, digests: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>;
  deleteFrames(scope: string, digests: readonly Uint8Array[]): Promise<void>;
}

/** Settings of {@link BodyFrames}. */
export interface BodyFramesOptions {
  readonly source: FrameSource;
  /** Bytes of frames that are kept in memory. */
  readonly keptBytesMax: number;
  /** Counts frames that were not there, or damaged. */
  readonly onLost: (what: 'missing' | 'damaged', error?: unknown) => void;
}

/** Reads frames. */
export class BodyFrames {
  readonly #options: BodyFramesOptions;
  readonly #kept: LRUCache<string, Buffer>;
  readonly #reading = new Map<string, Promise<Buffer | undefined>>();

  constructor(options: BodyFramesOptions) {
    this.#options = options;
    this.#kept = new LRUCache({
      maxSize: options.keptBytesMax,
      maxEntrySize: Math.max(1, Math.floor(options.keptBytesMax / 4)),
      sizeCalculation: (frame) => frame.length || 1,
    });
  }

  /**
   * Frames in the order of the digests, undefined where one is missing or damaged. They are shared: nobody changes them.
   *
   * @throws CacheServerError `store` when the store fails
   */
  async read(scope: string, digests: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    const names = digests.map((digest) => `${scope}\n${Buffer.from(digest).toString('base64')}`);
    const wanted = new Map<string, Uint8Array>();
    const frames = names.map((name, i) => {
      const kept = this.#kept.get(name);
      const there = kept === undefined ? this.#reading.get(name) : Promise.resolve(kept);
      const digest = digests[i];
      if (there === undefined && digest !== undefined) wanted.set(name, digest);
      return there;
    });
    if (wanted.size > 0) this.#fetch(scope, wanted);
    return await Promise.all(names.map(async (name, i) => await (frames[i] ?? this.#reading.get(name))));
  }

  /** Reads in one call of the store what several readers may then wait for. */
  #fetch(scope: string, wanted: ReadonlyMap<string, Uint8Array>): void {
    const all = this.#options.source.readFrames(scope, [...wanted.values()]);
    for (const [position, [name, digest]] of [...wanted].entries()) {
      const one = all.then(async (found) => {
        const frame = await this.#checked(found[position], scope, digest);
        if (frame !== undefined) this.#kept.set(name, frame);
        return frame;
      });
      this.#reading.set(name, one);
      const forget = (): void => void this.#reading.delete(name);
      one.then(forget, forget);
    }
  }

  async #checked(frame: Buffer | undefined, scope: string, digest: Uint8Array): Promise<Buffer | undefined> {
    if (frame === undefined) {
      this.#options.onLost('missing');
      return undefined;
    }
    try {
      checkFrame(frame, { scope, digest });
      return frame;
    } catch (error) {
      this.#options.onLost('damaged', error);
      // Left there, it would be taken for the good one by the write that repairs it.
      await this.#options.source.deleteFrames(scope, [digest]);
      return undefined;
    }
  }
}
