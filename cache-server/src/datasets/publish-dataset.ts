/** The last step of a refresh: nobody sees a version before all of it is stored, and none that breaks what readers rely on. */
import { declaredFields } from '../dataset/version/declared-fields.ts';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import { driftReasons } from '../dataset/version/drift-gate.ts';
import { diffPartitions } from '../dataset/version/version-diff.ts';
import { shelve } from '../dataset/version/version-shelf.ts';
import type { ShelvedVersion, VersionShelf } from '../dataset/version/version-shelf.ts';
import { FRAMES_TTL_MS } from './dataset-archive.ts';
import type { CutDataset, DatasetIngest } from './dataset-ingest.ts';
import type { DatasetPublication } from './dataset-service.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import { CacheServerError } from '../errors.ts';
import type { RefreshDeps } from './refresh-deps.ts';
import { isCutSince, TurnPassed } from './refresh-turns.ts';
import type { RefreshTurn } from './refresh-turns.ts';

/** What was cut, and from what. */
export interface DatasetCut {
  readonly ingest: DatasetIngest;
  readonly dataset: CutDataset;
  readonly sourceVersion: string;
  /** Source and declaration: what need not be cut again. */
  readonly cut: string;
  readonly turn: RefreshTurn;
}

/**
 * Publishes what was cut, or puts it aside.
 *
 * @returns the version that readers get now
 * @throws CacheServerError `bad-data` when it is put aside and there is no other one, or when the embedded store did not keep all of it;
 *   `store` when the store fails, or has lost some of it (`isLost`); TurnPassed when another server has the turn now
 */
export async function publishDataset(
  declared: DeclaredDataset,
  { ingest, dataset, sourceVersion, cut, turn }: DatasetCut,
  deps: RefreshDeps,
): Promise<DatasetManifest> {
  const { archive, clock } = deps;
  const publishedAtMs = clock.now();
  const checked = { lastCut: cut, checkedAtMs: publishedAtMs, generation: ingest.generation };
  // Read anew: a roll-back, or another server, may have come while this was cut.
  const shelf = await archive.shelf(declared);
  const current = shelf.current === '' ? undefined : await archive.manifest(declared, shelf.current);
  const manifest: DatasetManifest = { ...dataset, sourceVersion, publishedAtMs };
  const settings = { ...declared.settings.drift, declaredFields: declaredFields(declared.settings) };
  const reasons = driftReasons(current, manifest, settings);
  const known = await knownVersion(declared, dataset, { shelf, reasons, deps });
  // What the embedded store has no room for fails for all who read it, not for those alone who came too late for its partitions.
  if (known === undefined && reasons.length === 0 && deps.store.kind !== 'embedded') ingest.judgeFit(dataset);
  const changeShelf = await shelfInTurn(declared, shelf, { turn, deps });
  if (known !== undefined) {
    await changeShelf((one) => ({ ...one, ...checked }));
    deps.count('unchanged');
    if (current === undefined) throw quarantined(declared, known.quarantineReason);
    return current;
  }
  await assertStored(declared, dataset, deps);
  await archive.writeManifest(declared, manifest);
  const { version, records } = manifest;
  const added = { version, records, publishedAtMs, quarantineReason: reasons.join('; ') };
  const { keepVersions } = declared.settings;
  await changeShelf((one) => ({ ...shelve(one, added, keepVersions), ...checked }));
  if (reasons.length > 0) {
    deps.count('quarantined');
    deps.logger.error(
      { dataset: declared.name, version, reasons },
      'dataset version quarantined; the old one stays',
    );
    if (current !== undefined) return current;
    throw quarantined(declared, added.quarantineReason);
  }
  deps.count('cut');
  deps.onPublished(publication(current, manifest));
  return manifest;
}

/**
 * Changes a shelf that was just read. Whoever took the turn from this server, while it was stopped, asked the upstream later: nothing is
 * written over what came of that. The lease tells of one who took it before the shelf was read; one who takes it after that shows on the shelf.
 */
async function shelfInTurn(
  declared: DeclaredDataset,
  shelf: VersionShelf,
  { turn, deps }: { turn: RefreshTurn; deps: RefreshDeps },
): Promise<(change: (one: VersionShelf) => VersionShelf) => Promise<void>> {
  const refuseLate = (isLate: boolean): void => {
    if (!isLate) return;
    deps.count('superseded');
    throw new TurnPassed();
  };
  refuseLate(!(await turn.confirm()));
  return async (change) => {
    await deps.archive.changeShelf(declared, (one) => {
      refuseLate(isCutSince(shelf, one, declared));
      return change(one);
    });
  };
}

/** The first partitions of a dataset may have been driven out by its last ones. */
async function assertStored(
  declared: DeclaredDataset,
  { scope, partitions }: CutDataset,
  { store, count }: RefreshDeps,
): Promise<void> {
  const digests = partitions.map(({ digest }) => digest);
  const there = await store.extendFrames(scope, digests, FRAMES_TTL_MS);
  const lost = there.filter((isThere) => !isThere).length;
  if (lost === 0) return;
  const bytes = partitions.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  const why = `the store lost ${lost} of its ${partitions.length} partitions of ${bytes} bytes in all`;
  const cause = new CacheServerError('store', why, { isLost: true });
  if (store.kind === 'embedded') throw tooLarge(declared, why, cause);
  // Nothing is wrong with the data: it is not to be refused for a while, as data is that cannot be cut.
  count('partition-missing');
  throw new CacheServerError('store', declared.unfit(why).message, { cause, isLost: true });
}

/** What does not fit into the embedded store beside the document that it comes from. */
export function tooLarge(declared: DeclaredDataset, why: string, cause?: unknown): CacheServerError {
  return declared.unfit(`${why}; server.memoryStoreBytesMax says how much the embedded store holds`, cause);
}

/** There is no version to read but one that was put aside. */
export function quarantined(declared: DeclaredDataset, reason: string): CacheServerError {
  return declared.unfit(`its first version is quarantined: ${reason}`);
}

/** What is told when a version becomes the current one. */
export function publication(former: DatasetManifest | undefined, next: DatasetManifest): DatasetPublication {
  const { added, changed, removed } = diffPartitions(former ?? { partitions: [] }, next);
  return {
    dataset: next.dataset,
    version: next.version,
    formerVersion: former?.version ?? '',
    changed: [...added, ...changed].map(({ name }) => name),
    removed: removed.map(({ name }) => name),
  };
}

/**
 * The version on the shelf that is the same, and is current or must not become so: what an operator rolled back from does not come back by
 * itself, whatever was cut in between, and what was put aside need not be so twice.
 */
async function knownVersion(
  declared: DeclaredDataset,
  dataset: CutDataset,
  { shelf, reasons, deps }: { shelf: VersionShelf; reasons: readonly string[]; deps: RefreshDeps },
): Promise<ShelvedVersion | undefined> {
  for (const one of shelf.versions) {
    const isAside = one.quarantineReason !== '' && reasons.length > 0;
    if (one.version !== shelf.current && one.withdrawn !== true && !isAside) continue;
    const manifest = await deps.archive.manifest(declared, one.version);
    if (manifest !== undefined && isSame(manifest, dataset)) return one;
  }
  return undefined;
}

function isSame(manifest: DatasetManifest, { declaration, partitions }: CutDataset): boolean {
  const { added, changed, removed } = diffPartitions(manifest, { partitions });
  return added.length + changed.length + removed.length === 0 && manifest.declaration === declaration;
}
