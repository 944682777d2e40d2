/**
 * The memory of this process before a store that all replicas share. Frames never change, so that one from memory is as good as any. A
 * manifest from memory may have been replaced by another replica: it is used where the caller takes one of a moment ago, and where the store
 * does not answer, then until its own time is over.
 */
import { LRUCache } from 'lru-cache';
import type { EntryStore, FrameRelease, FrameWrite, ManifestRead, ManifestWrite } from './entry-store.ts';
import { ownCopy } from './own-copy.ts';
import { storedTtlMs } from './time-to-live.ts';

/** A store that also tells how long a manifest has to live. */
export interface SharedStore extends EntryStore {
  /** Milliseconds are those that are left, at least 1. */
  readLastingManifest(key: string): Promise<{ bytes: Buffer; ttlMs: number } | undefined>;
}

/** Where something that was asked for was found. */
export type Tier = 'memory' | 'redis';

/** Settings of {@link createMemoryTier}. */
export interface MemoryTierOptions {
  readonly store: SharedStore;
  /** Bytes for everything together: contents, names and what each item costs besides; the least recently used go first. */
  readonly bytesMax: number;
  /** The time in milliseconds. */
  readonly now: () => number;
  readonly onHit: (what: 'manifest' | 'frame', tier: Tier) => void;
}

/** How old a manifest from memory may be that a caller takes for recent, in milliseconds since the store had it. */
export const RECENT_MS = 1_000;
/** What an item costs besides its contents and its name, in bytes; as in the embedded store. */
const ITEM_OVERHEAD_BYTES = 1_024;
/** A single item takes no more than this share. */
const ITEM_SHARE_MAX = 0.25;
/** Keys whose last write is remembered, so that a read that began before it is not kept. */
const WRITES_MAX = 10_000;

/** A manifest or a frame. */
interface Item {
  readonly bytes: Buffer;
  /** When the store was last seen to have it; -Infinity when it may not. */
  readonly seenAtMs: number;
  readonly expiresAtMs: number;
}

/** Puts memory before a store; closing it closes the store. */
export function createMemoryTier(options: MemoryTierOptions): EntryStore {
  return new MemoryTier(options);
}

class MemoryTier implements EntryStore {
  readonly kind: EntryStore['kind'];
  readonly #options: MemoryTierOptions;
  readonly #items: LRUCache<string, Item>;
  /** Number of the last write of a key. */
  readonly #writes = new LRUCache<string, number>({ max: WRITES_MAX });
  readonly #reading = new Map<string, Promise<Buffer | undefined>>();
  #lastWrite = 0;

  constructor(options: MemoryTierOptions) {
    this.#options = options;
    this.kind = options.store.kind;
    this.#items = new LRUCache({
      maxSize: options.bytesMax,
      maxEntrySize: Math.max(1, Math.floor(options.bytesMax * ITEM_SHARE_MAX)),
      sizeCalculation: ({ bytes }, name) => bytes.byteLength + 2 * name.length + ITEM_OVERHEAD_BYTES,
    });
  }

  async readManifest(
    key: string,
    { recent = false, shared = false }: ManifestRead = {},
  ): Promise<Buffer | undefined> {
    if (!recent) return await this.#readShared(key, shared);
    const item = this.#living(key);
    if (item !== undefined && this.#isRecent(item)) return this.#hit(item);
    // Those who ask for the same one meanwhile share the answer; each gets bytes of its own.
    const under = this.#reading.get(key);
    if (under !== undefined) return copyOf(await under);
    const reading = this.#readShared(key);
    this.#reading.set(key, reading);
    const forget = (): void => {
      if (this.#reading.get(key) === reading) this.#reading.delete(key);
    };
    reading.then(forget, forget);
    return copyOf(await reading);
  }

  async writeManifest(key: string, manifest: ManifestWrite): Promise<boolean> {
    const serial = this.#noteWrite(key);
    const { bytes, ttlMs } = manifest;
    const item = { bytes: ownCopy(bytes), expiresAtMs: this.#options.now() + storedTtlMs(ttlMs) };
    let written: boolean;
    try {
      written = await this.#options.store.writeManifest(key, manifest);
    } catch (error) {
      // While the store is away this is the best there is of what we knew already; once it is back, it is asked.
      if (this.#writes.get(key) === serial && this.#living(key) !== undefined)
        this.#items.set(manifestName(key), { ...item, seenAtMs: -Infinity });
      throw error;
    }
    if (this.#writes.get(key) !== serial) return written;
    if (written) this.#items.set(manifestName(key), { ...item, seenAtMs: this.#options.now() });
    else this.#items.delete(manifestName(key));
    return written;
  }

  async deleteManifest(key: string, ifVersion?: string): Promise<boolean> {
    this.#noteWrite(key);
    this.#items.delete(manifestName(key));
    return await this.#options.store.deleteManifest(key, ifVersion);
  }

  async readFrames(scope: string, digests: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    const names = digests.map((digest) => frameName(scope, digest));
    const kept = names.map((name) => this.#items.get(name));
    const wanted = digests.filter((_digest, index) => kept[index] === undefined);
    const read = wanted.length === 0 ? [] : await this.#options.store.readFrames(scope, wanted);
    let next = 0;
    return names.map((name, index) => {
      const item = kept[index];
      if (item !== undefined) {
        this.#options.onHit('frame', 'memory');
        return ownCopy(item.bytes);
      }
      const frame = read[next++];
      if (frame === undefined) return undefined;
      this.#options.onHit('frame', 'redis');
      this.#items.set(name, { bytes: ownCopy(frame), seenAtMs: 0, expiresAtMs: Infinity });
      return frame;
    });
  }

  async writeFrames(scope: string, frames: readonly FrameWrite[], ttlMs: number): Promise<void> {
    await this.#options.store.writeFrames(scope, frames, ttlMs);
  }

  /** Memory proves nothing about the store. */
  async extendFrames(scope: string, digests: readonly Uint8Array[], ttlMs: number): Promise<boolean[]> {
    const found = await this.#options.store.extendFrames(scope, digests, ttlMs);
    for (const [index, digest] of digests.entries())
      if (found[index] !== true) this.#items.delete(frameName(scope, digest));
    return found;
  }

  async deleteFrames(scope: string, digests: readonly Uint8Array[]): Promise<void> {
    for (const digest of digests) this.#items.delete(frameName(scope, digest));
    await this.#options.store.deleteFrames(scope, digests);
  }

  /** What nothing names will not be read here; the memory is for others. */
  async releaseFrames(scope: string, digests: readonly Uint8Array[], release: FrameRelease): Promise<void> {
    for (const digest of digests) this.#items.delete(frameName(scope, digest));
    await this.#options.store.releaseFrames(scope, digests, release);
  }

  async listKeys(page: Parameters<EntryStore['listKeys']>[0]): ReturnType<EntryStore['listKeys']> {
    return await this.#options.store.listKeys(page);
  }

  async stats(): ReturnType<EntryStore['stats']> {
    return await this.#options.store.stats();
  }

  async close(): Promise<void> {
    this.#items.clear();
    await this.#options.store.close();
  }

  /** @param isOnlyShared whether memory does not stand in for a store that is away */
  async #readShared(key: string, isOnlyShared = false): Promise<Buffer | undefined> {
    const { store, now } = this.#options;
    const askedAtMs = now();
    const former = this.#writes.get(key);
    let found: { bytes: Buffer; ttlMs: number } | undefined;
    try {
      found = await store.readLastingManifest(key);
    } catch (error) {
      const item = isOnlyShared ? undefined : this.#living(key);
      if (item === undefined) throw error;
      return this.#hit(item);
    }
    // A write of ours has begun meanwhile: whether this is what it replaced, nobody knows.
    const isLatest = this.#writes.get(key) === former;
    if (found === undefined) {
      if (isLatest) this.#items.delete(manifestName(key));
      return undefined;
    }
    this.#options.onHit('manifest', 'redis');
    const item = { bytes: ownCopy(found.bytes), seenAtMs: askedAtMs, expiresAtMs: askedAtMs + found.ttlMs };
    if (isLatest) this.#items.set(manifestName(key), item);
    return found.bytes;
  }

  #hit(item: Item): Buffer {
    this.#options.onHit('manifest', 'memory');
    return ownCopy(item.bytes);
  }

  /** Of a clock that was set back nobody knows how long ago it was seen. */
  #isRecent({ seenAtMs }: Item): boolean {
    const ageMs = this.#options.now() - seenAtMs;
    return ageMs >= 0 && ageMs < RECENT_MS;
  }

  #living(key: string): Item | undefined {
    const item = this.#items.get(manifestName(key));
    if (item === undefined || item.expiresAtMs > this.#options.now()) return item;
    this.#items.delete(manifestName(key));
    return undefined;
  }

  /** What began before a write is not for those who ask after it. */
  #noteWrite(key: string): number {
    this.#reading.delete(key);
    this.#lastWrite += 1;
    this.#writes.set(key, this.#lastWrite);
    return this.#lastWrite;
  }
}

function manifestName(key: string): string {
  return `manifest:${key}`;
}

/** The digest ends the name, in a fixed alphabet, so that no scope can forge another one's frame. */
function frameName(scope: string, digest: Uint8Array): string {
  return `frame:${scope}:${Buffer.from(digest).toString('base64')}`;
}

function copyOf(bytes: Buffer | undefined): Buffer | undefined {
  return bytes === undefined ? undefined : ownCopy(bytes);
}
