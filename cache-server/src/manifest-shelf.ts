/** Manifests by key, in the store; whatever is wrong with the store or with what it holds is a miss, and counted. */
import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.ts';
import type { EntryKey } from './entry-key.ts';
import { retentionMs } from './freshness/entry-freshness.ts';
import { decodeManifest, encodeManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { ReportFailure } from './observe/failure-report.ts';
import type { EntryStore } from './store/entry-store.ts';

/** How long a version that was answered stays readable although the entry has a newer one, in milliseconds. */
const RECENT_MS = 30_000;
const RECENT_MAX = 1000;

/** What a shelf needs. */
export interface ManifestShelfOptions {
  readonly store: EntryStore;
  readonly clock: Clock;
  readonly report: ReportFailure;
}

/** Reads, writes and remembers manifests. */
export class ManifestShelf {
  readonly #options: ManifestShelfOptions;
  readonly #recent: LRUCache<string, Manifest>;

  constructor(options: ManifestShelfOptions) {
    this.#options = options;
    this.#recent = new LRUCache({ max: RECENT_MAX, ttl: RECENT_MS, ttlResolution: 0, perf: options.clock });
  }

  /** The stored manifest, if there is one that can be read. */
  async read(keyText: string): Promise<Manifest | undefined> {
    const { store, report } = this.#options;
    let bytes: Buffer | undefined;
    try {
      bytes = await store.readManifest(keyText);
    } catch (error) {
      report('store-read', { key: keyText, error });
      return undefined;
    }
    try {
      return bytes && decodeManifest(keyText, bytes);
    } catch (error) {
      report('manifest-unreadable', { key: keyText, error });
      return undefined;
    }
  }

  /** A version that was answered within the last 30 s, or the stored one. */
  async readVersion(keyText: string, version: string): Promise<Manifest | undefined> {
    const recent = this.#recent.get(`${keyText}\n${version}`);
    if (recent !== undefined) return recent;
    const stored = await this.read(keyText);
    return stored?.version === version ? stored : undefined;
  }

  /** Keeps a version readable for a while: its reader is on the way. */
  remember(keyText: string, manifest: Manifest): void {
    this.#recent.set(`${keyText}\n${manifest.version}`, manifest);
  }

  /**
   * Swaps a manifest in.
   *
   * @param ifVersion only if this version is still the stored one
   * @returns false when it was not, or the store failed
   */
  async write({ text }: EntryKey, manifest: Manifest, ifVersion?: string): Promise<boolean> {
    const { store, report } = this.#options;
    const { version } = manifest;
    const bytes = encodeManifest(text, manifest);
    const comparison = ifVersion === undefined ? {} : { ifVersion };
    try {
      return await store.writeManifest(text, { bytes, version, ttlMs: retentionMs(manifest), ...comparison });
    } catch (error) {
      report('store-write', { key: text, error });
      return false;
    }
  }

  /** Removes an entry whose partitions are lost, unless it has been replaced meanwhile. */
  async removeLost(keyText: string, version: string): Promise<void> {
    const { store, report } = this.#options;
    this.#recent.delete(`${keyText}\n${version}`);
    try {
      const stored = await this.read(keyText);
      if (stored?.version === version) await store.deleteManifest(keyText);
    } catch (error) {
      report('store-write', { key: keyText, error });
    }
  }
}
