/**
 * A Redis of the simulation, behind the interfaces that the cache server has for it: each method is one step, as a script is. It passes
 * the same contract suites as the real one. It can lose its last writes, as a failover to a replica does.
 */
import { CacheServerError } from '../../cache-server/src/errors.ts';
import type {
  EntryStore,
  FrameRelease,
  FrameWrite,
  ManifestWrite,
} from '../../cache-server/src/store/entry-store.ts';
import { storedTtlMs } from '../../cache-server/src/store/time-to-live.ts';
import type { Timeline } from './simulated-time.ts';
import type { Sabotage } from './sabotage.ts';

interface Item<T> {
  readonly value: T;
  readonly expiresAtMs: number;
}

interface StoredManifest {
  readonly bytes: Buffer;
  readonly version: string;
  readonly fence: string | undefined;
}

/** Names and what stands under them, each until its time is over. Values are replaced, never changed. */
export class ExpiringMap<T> {
  #items = new Map<string, Item<T>>();
  readonly #time: Pick<Timeline, 'nowMs'>;
  #isClosed = false;

  constructor(time: Pick<Timeline, 'nowMs'>) {
    this.#time = time;
  }

  /** Every access throws from now on. */
  close(): void {
    this.#isClosed = true;
  }

  get(name: string): T | undefined {
    if (this.#isClosed) throw new CacheServerError('store', 'the simulated store is closed');
    const item = this.#items.get(name);
    if (item === undefined || item.expiresAtMs > this.#time.nowMs) return item?.value;
    this.#items.delete(name);
    return undefined;
  }

  set(name: string, value: T, ttlMs: number): void {
    this.#items.set(name, { value, expiresAtMs: this.#time.nowMs + storedTtlMs(ttlMs) });
  }

  /** What stands there until its time is over, as before. */
  replace(name: string, value: T): void {
    const item = this.get(name) === undefined ? undefined : this.#items.get(name);
    if (item !== undefined) this.#items.set(name, { ...item, value });
  }

  /** False when there is none. */
  extend(name: string, ttlMs: number): boolean {
    const value = this.get(name);
    if (value === undefined) return false;
    const expiresAtMs = Math.max(this.#items.get(name)?.expiresAtMs ?? 0, this.#time.nowMs + ttlMs);
    this.#items.set(name, { value, expiresAtMs });
    return true;
  }

  release(name: string, { keptMs, graceMs }: FrameRelease): void {
    const item = this.get(name) === undefined ? undefined : this.#items.get(name);
    const leftMs = item === undefined ? 0 : item.expiresAtMs - this.#time.nowMs;
    if (item === undefined || leftMs <= graceMs || leftMs > keptMs - graceMs) return;
    this.#items.set(name, { value: item.value, expiresAtMs: this.#time.nowMs + storedTtlMs(graceMs) });
  }

  delete(name: string): boolean {
    const existed = this.get(name) !== undefined;
    this.#items.delete(name);
    return existed;
  }

  names(): string[] {
    this.get('');
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
  /** Told of every manifest that is written. */
  onWritten: (key: string, bytes: Buffer) => void = () => undefined;

  readonly #sabotage: Sabotage | undefined;

  constructor(time: Pick<Timeline, 'nowMs'>, sabotage?: Sabotage) {
    this.#sabotage = sabotage;
    this.manifests = new ExpiringMap(time);
    this.frames = new ExpiringMap(time);
  }

  async readManifest(key: string): Promise<Buffer | undefined> {
    const found = this.manifests.get(key);
    return found && Buffer.from(found.bytes);
  }

  async writeManifest(key: string, write: ManifestWrite): Promise<boolean> {
    const { bytes, version, ttlMs, ifVersion, ifAbsent, fence } = write;
    const there = this.manifests.get(key);
    if (ifVersion !== undefined && there?.version !== ifVersion) return false;
    if (ifAbsent === true && there !== undefined) return false;
    const former = there?.fence;
    const isOlder = fence !== undefined && former !== undefined && fence < former;
    if (isOlder && this.#sabotage !== 'no-fence') return false;
    const kept = Buffer.from(bytes);
    this.manifests.set(key, { bytes: kept, version, fence: fence ?? former }, ttlMs);
    this.onWritten(key, kept);
    return true;
  }

  async deleteManifest(key: string, ifVersion?: string): Promise<boolean> {
    const there = this.manifests.get(key);
    if (ifVersion !== undefined && there?.version !== ifVersion) return false;
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

  async releaseFrames(scope: string, digests: readonly Uint8Array[], release: FrameRelease): Promise<void> {
    for (const digest of digests) this.frames.release(frameName(scope, digest), release);
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

  async stats(): Promise<{ bytes: number }> {
    const lengths = this.frames.names().map((name) => name.length + (this.frames.get(name)?.length ?? 0));
    return { bytes: lengths.reduce((sum, length) => sum + length, 0) };
  }

  async close(): Promise<void> {
    this.manifests.close();
    this.frames.close();
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
