/** Brings a dataset up to date: is there anything newer, cut it, judge it, publish it last. */
import type { Clock } from './clock.ts';
import type { DatasetManifest } from './dataset/version/dataset-manifest.ts';
import type { VersionShelf } from './dataset/version/version-shelf.ts';
import type { DatasetArchive } from './dataset-archive.ts';
import {
  asUnfit,
  fetchEndpoints,
  pageDocuments,
  PagesChanged,
  probeVersion,
  responseDocuments,
} from './dataset-documents.ts';
import { DatasetIngest } from './dataset-ingest.ts';
import type { CutDataset } from './dataset-ingest.ts';
import type { DatasetPublication, DatasetsDeps } from './dataset-service.ts';
import { lookAfter } from './dataset-upkeep.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import type { EntryService } from './entry-service.ts';
import { CacheServerError } from './errors.ts';
import { versionId } from './flight/version-id.ts';
import { publishDataset } from './publish-dataset.ts';

/** Pages are walked anew after this long where nothing is declared; each is a request. */
const PAGES_REFRESH_MS = 60_000;

/** What a refresh works with. */
export interface RefreshDeps extends DatasetsDeps {
  readonly archive: DatasetArchive;
  readonly closed: AbortSignal;
  /** Told of an ingest as soon as it begins. */
  readonly onIngest: (declared: DeclaredDataset, ingest: DatasetIngest) => void;
  readonly onPublished: (publication: DatasetPublication) => void;
  readonly count: (what: 'cut' | 'unchanged' | 'quarantined' | 'failed' | 'restarted') => void;
}

/** The version that readers get now. */
export async function refresh(
  declared: DeclaredDataset,
  deps: RefreshDeps,
  signal: AbortSignal,
): Promise<DatasetManifest> {
  const shelf = await lookAfter(declared, deps);
  const current = shelf.current === '' ? undefined : await deps.archive.manifest(declared, shelf.current);
  if (current !== undefined && isFreshByTime(declared, shelf, deps.clock)) return current;
  try {
    return await newest({ declared, shelf, current }, deps, signal);
  } catch (error) {
    const told = asUnfit(error, declared);
    if (current === undefined || !isDataTrouble(told)) throw told;
    deps.count('failed');
    deps.logger.error({ dataset: declared.name, err: told }, 'dataset not refreshed; the old version stays');
    return current;
  }
}

interface Standing {
  readonly declared: DeclaredDataset;
  readonly shelf: VersionShelf;
  readonly current: DatasetManifest | undefined;
}

function isFreshByTime(
  { settings, declaration }: DeclaredDataset,
  shelf: VersionShelf,
  clock: Clock,
): boolean {
  const refreshMs = settings.refreshMs ?? (settings.pages === undefined ? undefined : PAGES_REFRESH_MS);
  if (refreshMs === undefined || !shelf.lastCut.startsWith(`${declaration}/`)) return false;
  return clock.now() - shelf.checkedAtMs < refreshMs;
}

/** Anything that is wrong out there; what is wrong with the caller or with the store is told as it is. */
function isDataTrouble(error: unknown): boolean {
  if (!(error instanceof CacheServerError)) return !(error instanceof DOMException);
  return error.code === 'bad-data' || error.code === 'limit-exceeded' || error.code.startsWith('upstream-');
}

async function newest(standing: Standing, deps: RefreshDeps, signal: AbortSignal): Promise<DatasetManifest> {
  const { declared, shelf, current } = standing;
  const told = await probed(declared, deps, { signal });
  if (told !== '' && current !== undefined && shelf.lastCut === told)
    return await checked(standing, current, deps);
  if (declared.settings.pages !== undefined) return await newestOfPages(standing, told, deps);
  // What was cached before the probe answered may be older than its answer, and would pass for it until the next one.
  const entries = told === '' ? deps.entries : confirming(deps.entries);
  const answers = await fetchEndpoints(declared, { ...deps, entries }, signal);
  const sourceVersion = answers.map(({ body }) => body.version).join(' ');
  const cut = told === '' ? `${declared.declaration}/${sourceVersion}` : told;
  if (current !== undefined && shelf.lastCut === cut) {
    for (const { body } of answers) body.release();
    return await checked(standing, current, deps);
  }
  const ended = AbortSignal.any([deps.closed, AbortSignal.timeout(deps.limits.fetchDeadlineMs)]);
  const documents = responseDocuments(answers, ended);
  const dataset = await cutOnce(standing, { documents, ended }, deps);
  return await publishDataset(declared, { dataset, sourceVersion, cut }, deps);
}

/** The same entries, each of them confirmed by its upstream. */
function confirming(entries: EntryService): EntryService {
  return {
    ...entries,
    getEntry: async (request, caller, signal) => {
      const headers = [...request.headers, ['cache-control', 'no-cache'] as const];
      return await entries.getEntry({ ...request, headers }, caller, signal);
    },
  };
}

/** What the version probe says, as the mark of a cut; '' where none is declared. */
async function probed(
  declared: DeclaredDataset,
  deps: RefreshDeps,
  options: { signal: AbortSignal; confirmed?: boolean },
): Promise<string> {
  const probe = await probeVersion(declared, deps, options);
  return probe === undefined ? '' : `${declared.declaration}/probe ${probe}`;
}

async function newestOfPages(
  standing: Standing,
  toldBefore: string,
  deps: RefreshDeps,
): Promise<DatasetManifest> {
  const { declared } = standing;
  const { restartsMax = 0 } = declared.settings.pages ?? {};
  let told = toldBefore;
  for (let restarts = 0; ; restarts += 1) {
    const ended = AbortSignal.any([deps.closed, AbortSignal.timeout(deps.limits.fetchDeadlineMs)]);
    try {
      const dataset = await cutOnce(
        standing,
        { documents: pageDocuments(declared, deps, ended), ended },
        deps,
      );
      const cut = told === '' ? `${declared.declaration}/${dataset.version}` : told;
      return await publishDataset(declared, { dataset, sourceVersion: dataset.version, cut }, deps);
    } catch (error) {
      if (!(error instanceof PagesChanged)) throw error;
      deps.count('restarted');
      // What the probe said of the data before it changed must not stand for what comes now.
      if (told !== '') told = await probed(declared, deps, { signal: ended, confirmed: true });
      if (restarts >= restartsMax)
        throw declared.unfit(`its pages changed while they were fetched, ${restarts + 1} times in a row`);
    }
  }
}

async function cutOnce(
  { declared, current }: Standing,
  {
    documents,
    ended,
  }: { documents: ConstructorParameters<typeof DatasetIngest>[0]['documents']; ended: AbortSignal },
  deps: RefreshDeps,
): Promise<CutDataset> {
  const startedMs = deps.clock.now();
  const version = versionId(startedMs, deps.random);
  const ingest = new DatasetIngest({ declared, version, documents, former: current, signal: ended }, deps);
  deps.onIngest(declared, ingest);
  const dataset = await ingest.cut;
  const ms = deps.clock.now() - startedMs;
  const { records, duplicates, missing, dropped, partitions } = dataset;
  deps.logger.info(
    { dataset: declared.name, records, duplicates, missing, dropped, partitions: partitions.length, ms },
    'dataset cut',
  );
  return dataset;
}

/** The upstream has nothing newer. */
async function checked(
  { declared, shelf }: Standing,
  current: DatasetManifest,
  { clock, archive }: RefreshDeps,
): Promise<DatasetManifest> {
  const now = clock.now();
  const { refreshMs } = declared.settings;
  if (refreshMs !== undefined && now - shelf.checkedAtMs >= refreshMs)
    await archive.changeShelf(declared, (one) => ({ ...one, checkedAtMs: now }));
  return current;
}
