/** Brings a dataset up to date: is there anything newer, cut it, judge it, publish it last. */
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import type { VersionShelf } from '../dataset/version/version-shelf.ts';
import { asUnfit, fetchEndpoints, readOn, responseDocuments } from './dataset-documents.ts';
import { DatasetIngest } from './dataset-ingest.ts';
import { datasetVerdict } from './dataset-verdict.ts';
import { pageDocuments, PagesChanged } from './dataset-pages.ts';
import { lookAfter } from './dataset-upkeep.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import type { EntryService } from '../entry/entry-service.ts';
import { CacheServerError, isLoss } from '../errors.ts';
import { versionId } from '../flight/version-id.ts';
import { publishDataset, tooLarge } from './publish-dataset.ts';
import type { DatasetCut } from './publish-dataset.ts';
import type { RefreshDeps } from './refresh-deps.ts';
import { checked, elsewhere, isCut, isFreshByTime, isToldElsewhere } from './refresh-standing.ts';
import type { Standing } from './refresh-standing.ts';
import { isCutSince, TurnPassed } from './refresh-turns.ts';
import type { RefreshTurn, TurnRequest } from './refresh-turns.ts';
import { probeVersion } from '../fetch/version-probe.ts';

/** The version that readers get now. Only one server at a time cuts it; the others look again when that one is done. */
export async function refresh(
  declared: DeclaredDataset,
  deps: RefreshDeps,
  signal: AbortSignal,
): Promise<DatasetManifest> {
  const askedAtMs = deps.clock.now();
  let before: VersionShelf | undefined;
  for (;;) {
    const end = await refreshOnce(declared, deps, { signal, askedAtMs, before });
    if ('manifest' in end) return end.manifest;
    before = end.seen;
  }
}

/** What a refresh looks back on. */
interface RefreshQuery extends Pick<TurnRequest, 'askedAtMs' | 'signal'> {
  /** The shelf before another server had its turn. */
  readonly before: VersionShelf | undefined;
}

/** @returns the shelf as it was seen, when another server had its turn */
async function refreshOnce(
  declared: DeclaredDataset,
  deps: RefreshDeps,
  query: RefreshQuery,
): Promise<{ readonly manifest: DatasetManifest } | { readonly seen: VersionShelf }> {
  const shelf = await lookAfter(declared, deps);
  const current = shelf.current === '' ? undefined : await deps.archive.manifest(declared, shelf.current);
  const generation = await deps.generations.capture();
  const verdict = await datasetVerdict(declared, shelf, deps);
  const standing: Standing = { declared, shelf, current, attempt: { cut: '' }, verdict, generation };
  if (current !== undefined && verdict === 'valid' && isFreshByTime(standing, deps.clock))
    return { manifest: current };
  // Of a version that has lost partitions nothing can be served meanwhile.
  const isGone = verdict === 'gone';
  const isReadable = current !== undefined && shelf.lastCut !== '' && !isGone;
  const isNews = isToldElsewhere(standing, query.before);
  if (!isNews && isReadable && deps.failures.standing(declared.name) !== undefined)
    return { manifest: current };
  try {
    const manifest = isNews ? elsewhere(standing, deps) : await newest(standing, deps, query);
    deps.failures.clear(declared.name);
    return { manifest };
  } catch (error) {
    if (error instanceof TurnPassed) return { seen: shelf };
    const told = asTold(error, declared, deps);
    // What the store lost of a newer version does not make the one at hand unreadable, and would be lost by each read again.
    if (!isDataTrouble(told) && !(isReadable && isLoss(told))) throw told;
    if (deps.failures.standing(declared.name)?.error !== told) {
      deps.failures.add(declared.name, { error: told, cut: standing.attempt.cut });
      deps.count('failed');
      const what = current === undefined ? 'dataset not cut' : 'dataset not refreshed; the old version stays';
      deps.logger.error({ dataset: declared.name, err: told }, what);
    }
    if (current === undefined || isGone) throw told;
    return { manifest: current };
  }
}

/** Anything that is wrong out there; what is wrong with the caller or with the store is told as it is. */
function isDataTrouble(error: unknown): boolean {
  if (!(error instanceof CacheServerError)) return !(error instanceof DOMException);
  return error.code === 'bad-data' || error.code === 'limit-exceeded' || error.code.startsWith('upstream-');
}

/** The embedded store fails in one way only: it has driven out what was still needed. */
function asTold(error: unknown, declared: DeclaredDataset, { store }: RefreshDeps): unknown {
  const isDrivenOut =
    store.kind === 'embedded' && error instanceof CacheServerError && error.code === 'store';
  return isDrivenOut ? tooLarge(declared, error.message, error) : asUnfit(error, declared);
}

async function newest(standing: Standing, deps: RefreshDeps, query: RefreshQuery): Promise<DatasetManifest> {
  const { declared, attempt } = standing;
  const { signal } = query;
  const isDoubted = standing.verdict !== 'valid';
  const told = await probed(declared, deps, { signal, confirmed: isDoubted });
  if (told !== '' && isCut(standing, told)) return await checked(standing, deps);
  // What was cached before the probe answered may be older than its answer, and would pass for it until the next one.
  const entries = told === '' && !isDoubted ? deps.entries : confirming(deps.entries);
  if (declared.settings.pages !== undefined)
    return await inTurn(
      standing,
      { ...query, onWait: () => undefined, deps },
      async (turn) => await newestOfPages(standing, { told, turn }, isDoubted ? { ...deps, entries } : deps),
    );
  const answers = await fetchEndpoints(declared, { ...deps, entries }, signal);
  const sourceVersion = answers.map(({ body }) => body.version).join(' ');
  const cut = told === '' ? `${declared.declaration}/${sourceVersion}` : told;
  attempt.cut = cut;
  const failed = deps.failures.standing(declared.name);
  const onWait = (over: AbortSignal): void => void readOn(answers, over);
  try {
    if (failed?.cut === cut) throw failed.error;
    if (isCut(standing, cut)) return await checked(standing, deps);
    return await inTurn(standing, { ...query, onWait, deps }, async (turn) => {
      const ended = AbortSignal.any([deps.closed, AbortSignal.timeout(deps.limits.fetchDeadlineMs)]);
      const made = await cutOnce(standing, { documents: responseDocuments(answers, ended), ended }, deps);
      return await publishDataset(declared, { ...made, sourceVersion, cut, turn }, deps);
    });
  } finally {
    // Those that were never opened, because something went wrong before, would be waited for by their flights.
    for (const { body } of answers) body.release();
  }
}

/** @throws TurnPassed when another server had its turn, or went away in it */
async function inTurn(
  { declared, shelf }: Standing,
  { deps, ...request }: TurnRequest & { deps: RefreshDeps },
  cutAndPublish: (turn: RefreshTurn) => Promise<DatasetManifest>,
): Promise<DatasetManifest> {
  const turn = await deps.turns.take(declared, request);
  if (turn === undefined) throw new TurnPassed();
  try {
    // Whoever had it may have published and given it up after this server looked.
    if (isCutSince(shelf, await deps.archive.shelf(declared), declared)) throw new TurnPassed();
    return await cutAndPublish(turn);
  } finally {
    await turn.release();
  }
}

/** The same entries, each of them confirmed by its upstream. */
function confirming(entries: EntryService): EntryService {
  return {
    ...entries,
    getEntry: async (request, caller, signal) => {
      const headers = [...request.headers, ['cache-control', 'no-cache'] as const];
      return await entries.getEntry({ ...request, headers, isConfirming: true }, caller, signal);
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
  { told: toldBefore, turn }: { told: string; turn: RefreshTurn },
  deps: RefreshDeps,
): Promise<DatasetManifest> {
  const { declared } = standing;
  const { restartsMax = 0 } = declared.settings.pages ?? {};
  let told = toldBefore;
  for (let restarts = 0; ; restarts += 1) {
    const ended = AbortSignal.any([deps.closed, AbortSignal.timeout(deps.limits.fetchDeadlineMs)]);
    try {
      const made = await cutOnce(standing, { documents: pageDocuments(declared, deps, ended), ended }, deps);
      const sourceVersion = made.dataset.version;
      const cut = told === '' ? `${declared.declaration}/${sourceVersion}` : told;
      return await publishDataset(declared, { ...made, sourceVersion, cut, turn }, deps);
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
  { declared, current, generation }: Standing,
  {
    documents,
    ended,
  }: { documents: ConstructorParameters<typeof DatasetIngest>[0]['documents']; ended: AbortSignal },
  deps: RefreshDeps,
): Promise<Pick<DatasetCut, 'ingest' | 'dataset'>> {
  const startedMs = deps.clock.now();
  const version = versionId(startedMs, deps.random);
  const task = { declared, version, documents, former: current, generation, signal: ended };
  const ingest = new DatasetIngest(task, deps);
  deps.onIngest(declared, ingest);
  const dataset = await ingest.cut;
  const ms = deps.clock.now() - startedMs;
  const { records, duplicates, missing, dropped, partitions } = dataset;
  deps.logger.info(
    { dataset: declared.name, records, duplicates, missing, dropped, partitions: partitions.length, ms },
    'dataset cut',
  );
  return { ingest, dataset };
}
