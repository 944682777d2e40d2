/** Shelves and manifests of datasets in the store; manifests never change, so that those read last stay in memory. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { decodeDatasetManifest, encodeDatasetManifest } from '../dataset/version/dataset-manifest.ts';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import { decodeShelf, EMPTY_SHELF, encodeShelf } from '../dataset/version/version-shelf.ts';
import type { VersionShelf } from '../dataset/version/version-shelf.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import { CacheServerError } from '../errors.ts';
import { versionId } from '../flight/version-id.ts';
import type { EntryStore } from '../store/entry-store.ts';

/** How long a version that nobody looks after stays in the store. */
const RECORD_TTL_MS = 30 * 24 * 3600 * 1000;
/** Its frames stay longer than what names them. */
export const FRAMES_TTL_MS = 2 * RECORD_TTL_MS;
/** Partitions of all manifests that are kept in memory. */
const REMEMBERED_PARTITIONS_MAX = 50_000;
/** How often a change of a shelf is tried again because another one came first. */
const ATTEMPTS_MAX = 8;

/** What an archive needs. */
export interface ArchiveDeps {
  readonly store: EntryStore;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Reads and writes. Rejects with `CacheServerError` `store` when the store fails. */
export class DatasetArchive {
  readonly #deps: ArchiveDeps;
  readonly #manifests = new LRUCache<string, DatasetManifest>({
    maxSize: REMEMBERED_PARTITIONS_MAX,
    sizeCalculation: ({ partitions }) => partitions.length + 1,
  });

  constructor(deps: ArchiveDeps) {
    this.#deps = deps;
  }

  /** The shelf; an empty one when there is none that can be read. */
  async shelf({ key }: DeclaredDataset): Promise<VersionShelf> {
    const bytes = await this.#deps.store.readManifest(key.text);
    return (bytes && decodeShelf(key.text, bytes)) ?? EMPTY_SHELF;
  }

  /** Changes the shelf; `change` may be called again when another change came first. */
  async changeShelf(
    { key }: DeclaredDataset,
    change: (shelf: VersionShelf) => VersionShelf,
  ): Promise<VersionShelf> {
    const { store, clock, random } = this.#deps;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const bytes = await store.readManifest(key.text);
      const shelf = (bytes && decodeShelf(key.text, bytes)) ?? EMPTY_SHELF;
      const changed = { ...change(shelf), revision: versionId(clock.now(), random) };
      const write = {
        bytes: encodeShelf(key.text, changed),
        version: changed.revision,
        ttlMs: RECORD_TTL_MS,
        isKept: true,
      };
      // Where there is none that can be read there is nothing to compare with: the last writer of two first ones wins, both are whole.
      const comparison = shelf.revision === '' ? {} : { ifVersion: shelf.revision };
      if (await store.writeManifest(key.text, { ...write, ...comparison })) return changed;
    }
    throw new CacheServerError('store', `the versions of ${key.text} are changed by too many at a time`);
  }

  /** A version; undefined when it is not there any more. */
  async manifest(declared: DeclaredDataset, version: string): Promise<DatasetManifest | undefined> {
    const keyText = declared.versionKey(version);
    const known = this.#manifests.get(keyText);
    if (known !== undefined) return known;
    const bytes = await this.#deps.store.readManifest(keyText);
    const manifest = bytes && decodeDatasetManifest(keyText, bytes);
    if (manifest !== undefined) this.#manifests.set(keyText, manifest);
    return manifest;
  }

  async writeManifest(declared: DeclaredDataset, manifest: DatasetManifest): Promise<void> {
    const keyText = declared.versionKey(manifest.version);
    const bytes = encodeDatasetManifest(keyText, manifest);
    const { version } = manifest;
    await this.#deps.store.writeManifest(keyText, { bytes, version, ttlMs: RECORD_TTL_MS, isKept: true });
    this.#manifests.set(keyText, manifest);
  }

  /** Removes a version; its frames are the caller's. */
  async forget(declared: DeclaredDataset, version: string): Promise<void> {
    const keyText = declared.versionKey(version);
    this.#manifests.delete(keyText);
    await this.#deps.store.deleteManifest(keyText);
  }
}
