/** What is stored of a dataset is kept from running out while its versions are kept, and removed when they no longer are. */
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import type { VersionShelf } from '../dataset/version/version-shelf.ts';
import { FRAMES_TTL_MS } from './dataset-archive.ts';
import type { DatasetArchive } from './dataset-archive.ts';
import type { DatasetsDeps } from './dataset-service.ts';
import { declaredDataset } from './declared-dataset.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import { RELEASE_GRACE_MS } from '../store/entry-store.ts';

/** All versions are looked after so often. */
const EXTEND_EVERY_MS = 24 * 3600 * 1000;
/** How long readers that began on a version before it was let go may still read it. */
const LET_GO_MS = 3600 * 1000;

/** What upkeep works with. */
export interface UpkeepDeps extends DatasetsDeps {
  readonly archive: DatasetArchive;
}

/** Does what is due. @returns the shelf as it stands */
export async function lookAfter(declared: DeclaredDataset, deps: UpkeepDeps): Promise<VersionShelf> {
  const { archive, clock } = deps;
  let shelf = await archive.shelf(declared);
  const due = shelf.letGo.filter(({ atMs }) => clock.now() - atMs >= LET_GO_MS);
  if (due.length > 0) shelf = await remove(declared, new Set(due.map(({ version }) => version)), deps);
  const isDue = shelf.versions.length > 0 && clock.now() - shelf.extendedAtMs >= EXTEND_EVERY_MS;
  return isDue ? await extend(declared, shelf, deps) : shelf;
}

/** Pinned versions and those that can be rolled back to live as long as the current one. */
async function extend(
  declared: DeclaredDataset,
  { versions }: VersionShelf,
  { archive, clock, store, logger }: UpkeepDeps,
): Promise<VersionShelf> {
  const lost = new Set<string>();
  for (const { version } of versions) {
    const manifest = await archive.manifest(declared, version);
    const digests = manifest?.partitions.map(({ digest }) => digest) ?? [];
    const there = await store.extendFrames(declared.key.scope, digests, FRAMES_TTL_MS);
    if (manifest === undefined || there.includes(false)) lost.add(version);
    else await archive.writeManifest(declared, manifest);
  }
  if (lost.size > 0)
    logger.error({ dataset: declared.name, versions: [...lost] }, 'the store lost versions of a dataset');
  return await archive.changeShelf(declared, (shelf) => ({
    ...shelf,
    extendedAtMs: clock.now(),
    versions: shelf.versions.filter(({ version }) => version === shelf.current || !lost.has(version)),
    // Without this the current one would be taken for what need not be cut again.
    lastCut: lost.has(shelf.current) ? '' : shelf.lastCut,
  }));
}

/** Removes versions that were let go, and those of their frames that no other version of the upstream's datasets has. */
async function remove(
  declared: DeclaredDataset,
  versions: ReadonlySet<string>,
  deps: UpkeepDeps,
): Promise<VersionShelf> {
  const { archive, store } = deps;
  for (const version of versions) {
    const manifest = await archive.manifest(declared, version);
    const digests = manifest?.partitions.map(({ digest }) => digest) ?? [];
    // Looked for each time, and last: any dataset of the upstream may have been cut since the one before was removed.
    const staying = await stayingDigests(declared, version, deps);
    const going = digests.filter((digest) => !staying.has(hex(digest)));
    // What a version that is published right now has proved to be there stays.
    const release = { keptMs: FRAMES_TTL_MS, graceMs: RELEASE_GRACE_MS };
    await store.releaseFrames(declared.key.scope, going, release);
    await archive.forget(declared, version);
  }
  return await archive.changeShelf(declared, (shelf) => ({
    ...shelf,
    letGo: shelf.letGo.filter(({ version }) => !versions.has(version)),
  }));
}

/** What any other version has: datasets of one upstream share the frames that are alike. */
async function stayingDigests(
  declared: DeclaredDataset,
  going: string,
  deps: UpkeepDeps,
): Promise<Set<string>> {
  const staying = new Set<string>();
  for (const name of Object.keys(deps.datasets)) {
    const one = declaredDataset(name, deps);
    if (one.key.scope !== declared.key.scope) continue;
    const { versions, letGo } = await deps.archive.shelf(one);
    for (const { version } of [...versions, ...letGo]) {
      if (name === declared.name && version === going) continue;
      const manifest: DatasetManifest | undefined = await deps.archive.manifest(one, version);
      for (const { digest } of manifest?.partitions ?? []) staying.add(hex(digest));
    }
  }
  return staying;
}

function hex(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}
