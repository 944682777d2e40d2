/** What callers and datasets leave behind in the store, as the janitor sees it. */
import { decodeDatasetManifest } from './dataset/version/dataset-manifest.ts';
import type { DatasetManifest } from './dataset/version/dataset-manifest.ts';
import { decodeShelf } from './dataset/version/version-shelf.ts';
import { FRAMES_TTL_MS } from './datasets/dataset-archive.ts';
import { objectStanding, removeObject } from './keep-object.ts';
import type { Estate } from './janitor/estate.ts';
import type { EntryStore } from './store/entry-store.ts';

/** Where it is, and how it goes. */
export interface EstateDeps {
  readonly store: EntryStore;
  /** How long partitions stay that are let go, in milliseconds; shorter than their owner has been silent. */
  readonly graceMs: number;
}

/** The parts of a key, readable again; undefined when it is none of that kind. */
function partsOf(key: string, type: string): { scope: string; endpoint: string } | undefined {
  const [scope = '', kind, ...endpoint] = key.split(':');
  if (kind !== type) return undefined;
  try {
    return { scope: decodeURIComponent(scope), endpoint: endpoint.join(':') };
  } catch {
    // Not one of ours.
    return undefined;
  }
}

/** Objects of callers. */
export function objectEstate({ store, graceMs }: EstateDeps): Estate {
  return {
    kind: 'scope',
    contains: ':object:',
    ownerOf: (key) => partsOf(key, 'object')?.scope,
    look: async (key) => await objectStanding(key, store),
    remove: async (key, scope, version) => await removeObject(key, { scope, version, graceMs }, store),
  };
}

/** `UPSTREAM/NAME`, as operators see it. */
export function datasetOwner(upstream: string, name: string): string {
  return `${upstream}/${name}`;
}

/**
 * Datasets that are not among the declared ones: shelves of versions, and versions.
 *
 * @param declared names as of {@link datasetOwner}
 */
export function datasetEstate({
  store,
  graceMs,
  declared,
}: EstateDeps & { readonly declared: ReadonlySet<string> }): Estate {
  const ownerOf = (key: string): string | undefined => {
    const parts = partsOf(key, 'dataset');
    const name = parts?.endpoint.split('@')[0];
    const owner = parts && name !== undefined ? datasetOwner(parts.scope, name) : undefined;
    return owner === undefined || declared.has(owner) ? undefined : owner;
  };
  const manifestOf = async (key: string): Promise<DatasetManifest | undefined> => {
    const bytes = await store.readManifest(key, { shared: true });
    return bytes && decodeDatasetManifest(key, bytes);
  };
  /** What any other version of the upstream's datasets has: they share the partitions that are alike. */
  const digestsBeside = async (key: string): Promise<Set<string>> => {
    const start = key.slice(0, key.indexOf(':dataset:') + ':dataset:'.length);
    const digests = new Set<string>();
    let cursor = '';
    do {
      const page = await store.listKeys({ contains: start, cursor, limit: 100 });
      cursor = page.cursor;
      for (const other of page.keys) {
        if (other === key || !other.startsWith(start)) continue;
        for (const { digest } of (await manifestOf(other))?.partitions ?? []) digests.add(hex(digest));
      }
    } while (cursor !== '');
    return digests;
  };
  return {
    kind: 'dataset',
    contains: ':dataset:',
    ownerOf,
    async look(key) {
      const bytes = await store.readManifest(key, { shared: true });
      if (bytes === undefined) return undefined;
      const manifest = decodeDatasetManifest(key, bytes);
      if (manifest === undefined) {
        const { revision, checkedAtMs = 0 } = decodeShelf(key, bytes) ?? {};
        return { storedBytes: bytes.byteLength, version: revision, writtenAtMs: checkedAtMs };
      }
      const { version, publishedAtMs, partitions } = manifest;
      const storedBytes = partitions.reduce((sum, one) => sum + one.storedBytes, 0);
      return { storedBytes, version, writtenAtMs: publishedAtMs };
    },
    async remove(key, _owner, version) {
      const manifest = await manifestOf(key);
      if (manifest === undefined) return await store.deleteManifest(key, version);
      // Looked for each time, and last. What is published from now on proves first that all of it is there, and is left what it proved.
      const staying = await digestsBeside(key);
      if (!(await store.deleteManifest(key, version))) return false;
      const digests = manifest.partitions.map(({ digest }) => digest);
      const going = digests.filter((digest) => !staying.has(hex(digest)));
      await store.releaseFrames(manifest.scope, going, { keptMs: FRAMES_TTL_MS, graceMs });
      return true;
    },
  };
}

function hex(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}
