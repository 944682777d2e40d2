/**
 * A Redis of the simulation, behind the interfaces that the cache server has for it: each method is one step, as a script is. It passes
 * the same contract suites as the real one. It can lose its last writes, as a failover to a replica does.
 */
import type { EntryStore, FrameWrite, ManifestWrite } from '../../cache-server/src/store/entry-store.ts';
import type { SimulatedTime } from './simulated-time.ts';

interface Item<T> {
  readonly value: T;
  readonly expiresAtMs: number;
}

interface StoredManifest {
  readonly bytes: Buffer;
  readonly version: string;
}

/** Names and what stands under them, each until its time is over. Values are replaced, never changed. */
export class ExpiringMap<T> {
  #items = new Map<string, Item<T>>();
  readonly #time: Pick<SimulatedTime, 'nowMs'>;

  constructor(time: Pick<SimulatedTime, 'nowMs'>) {
    this.#time = time;
  }

  get(name: string): T | undefined {
    const item = this.#items.get(name);
    if (item === undefined || item.expiresAtMs > this.#time.nowMs) return item?.value;
    this.#items.delete(name);
    return undefined;
  }

  set(name: string, value: T, ttlMs: number): void {
    this.#items.set(name, { value, expiresAtMs: this.#time.nowMs + ttlMs });
  }

  /** False when there is none. */
  extend(name: string, ttlMs: number): boolean {
    const value = this.get(name);
    if (value === undefined) return false;
    const expiresAtMs = Math.max(this.#items.get(name)?.expiresAtMs ?? 0, this.#time.nowMs + ttlMs);
    this.#items.set(name, { value, expiresAtMs });
    return true;
  }

  delete(name: string): boolean {
    const existed = this.get(name) !== undefined;
    this.#items.delete(name);
    return existed;
  }

  names(): string[] {
    return [...this.#items.keys()].filter((name) => this.get(name) !== undefined);
  }

  /** What brings back what is there now. */
  snapshot(): () => void {
    const items = new Map(this.#items);
    return () => (this.#items = new Map(items));
  }
}

/** The data half: manifests and frames. */
export class SimulatedEntryStore implements EntryStore {
  readonly kind = 'redis';
  readonly manifests: ExpiringMap<StoredManifest>;
  readonly frames: ExpiringMap<Buffer>;

  constructor(time: Pick<SimulatedTime, 'nowMs'>) {
    this.manifests = new ExpiringMap(time);
    this.frames = new ExpiringMap(time);
  }

  async readManifest(key: string): Promise<Buffer | undefined> {
    const found = this.manifests.get(key);
    return found && Buffer.from(found.bytes);
  }

  async writeManifest(
    key: string,
    { bytes, version, ttlMs, ifVersion, ifAbsent }: ManifestWrite,
  ): Promise<boolean> {
    const there = this.manifests.get(key);
    if (ifVersion !== undefined && there?.version !== ifVersion) return false;
    if (ifAbsent === true && there !== undefined) return false;
    this.manifests.set(key, { bytes: Buffer.from(bytes), version }, ttlMs);
    return true;
  }

  async deleteManifest(key: string): Promise<boolean> {
    return this.manifests.delete(key);
  }

  async readFrames(scope: string, digests: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    return digests.map((digest) => {
      const found = this.frames.get(frameName(scope, digest));
      return found && Buffer.from(found);
    });
  }

  async writeFrames(scope: string, frames: readonly FrameWrite[], ttlMs: number): Promise<void> {
    for (const { digest, frame } of frames) {
      const name = frameName(scope, digest);
      if (!this.frames.extend(name, ttlMs)) this.frames.set(name, Buffer.from(frame), ttlMs);
    }
  }

  async extendFrames(scope: string, digests: readonly Uint8Array[], ttlMs: number): Promise<boolean[]> {
    return digests.map((digest) => this.frames.extend(frameName(scope, digest), ttlMs));
  }

  async deleteFrames(scope: string, digests: readonly Uint8Array[]): Promise<void> {
    for (const digest of digests) this.frames.delete(frameName(scope, digest));
  }

  async listKeys(page: {
    contains: string;
    cursor: string;
    limit: number;
  }): Promise<{ keys: string[]; cursor: string }> {
    const from = Number(page.cursor);
    const all = this.manifests.names().filter((key) => key.includes(page.contains));
    const keys = all.slice(from, from + page.limit);
    return { keys, cursor: from + keys.length < all.length ? String(from + keys.length) : '' };
  }

  async stats(): Promise<{ entries: number }> {
    return { entries: this.manifests.names().length };
  }

  async close(): Promise<void> {
    // Nothing is held outside of the simulation.
  }

  snapshot(): () => void {
    const back = [this.manifests.snapshot(), this.frames.snapshot()];
    return () => {
      for (const restore of back) restore();
    };
  }
}

function frameName(scope: string, digest: Uint8Array): string {
  return `${scope}\n${Buffer.from(digest).toString('hex')}`;
}
