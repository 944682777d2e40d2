/** What callers and datasets leave behind in the store, as the janitor sees it. */
import { decodeDatasetManifest } from './dataset/version/dataset-manifest.ts';
import type { DatasetManifest } from './dataset/version/dataset-manifest.ts';
import { removeObject, describeObject } from './keep-object.ts';
import type { Clock } from './clock.ts';
import type { Estate } from './janitor/estate.ts';
import type { EntryStore } from './store/entry-store.ts';

type Stored = { readonly store: EntryStore; readonly clock: Clock };

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
export function objectEstate({ store, clock }: Stored): Estate {
  return {
    kind: 'scope',
    contains: ':object:',
    ownerOf: (key) => partsOf(key, 'object')?.scope,
    storedBytes: async (key) => (await describeObject(key, { store, clock }))?.storedBytes ?? 0,
    remove: async (key, scope) => await removeObject(key, scope, store),
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
  declared,
}: Stored & { readonly declared: ReadonlySet<string> }): Estate {
  const ownerOf = (key: string): string | undefined => {
    const parts = partsOf(key, 'dataset');
    const name = parts?.endpoint.split('@')[0];
    const owner = parts && name !== undefined ? datasetOwner(parts.scope, name) : undefined;
    return owner === undefined || declared.has(owner) ? undefined : owner;
  };
  const version = async (key: string): Promise<DatasetManifest | undefined> => {
    const bytes = await store.readManifest(key);
    return bytes && decodeDatasetManifest(key, bytes);
  };
  /** Datasets of one upstream share the partitions that are alike. */
  const othersDigests = async (key: string, owner: string): Promise<Set<string>> => {
    const start = key.slice(0, key.indexOf(':dataset:') + ':dataset:'.length);
    const digests = new Set<string>();
    let cursor = '';
    do {
      const page = await store.listKeys({ contains: start, cursor, limit: 100 });
      cursor = page.cursor;
      for (const other of page.keys) {
        const parts = other.startsWith(start) ? partsOf(other, 'dataset') : undefined;
        const name = parts?.endpoint.split('@')[0] ?? '';
        if (parts === undefined || datasetOwner(parts.scope, name) === owner) continue;
        for (const { digest } of (await version(other))?.partitions ?? []) digests.add(hex(digest));
      }
    } while (cursor !== '');
    return digests;
  };
  let lookedUp: { readonly owner: string; readonly digests: Promise<Set<string>> } | undefined;
  return {
    kind: 'dataset',
    contains: ':dataset:',
    ownerOf,
    async storedBytes(key) {
      const manifest = await version(key);
      if (manifest !== undefined)
        return manifest.partitions.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
      return (await store.readManifest(key))?.byteLength ?? 0;
    },
    async remove(key, owner) {
      const manifest = await version(key);
      if (manifest !== undefined) {
        // Versions of one dataset come one after the other, most often.
        if (lookedUp?.owner !== owner) lookedUp = { owner, digests: othersDigests(key, owner) };
        const staying = await lookedUp.digests;
        const digests = manifest.partitions.map(({ digest }) => digest);
        await store.deleteFrames(
          manifest.scope,
          digests.filter((digest) => !staying.has(hex(digest))),
        );
      }
      await store.deleteManifest(key);
    },
  };
}

function hex(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}
