/** The story of a dataset: its originals by the same shared fetch as any GET, cut once for each version, read by partition. */
import type { DatasetManifest, DatasetPartition } from './dataset/version/dataset-manifest.ts';
import { abortable } from '@pannier/runtime';
import { warmUpIngest } from './dataset/ingest/ingest-thread.ts';
import { CurrentVersions } from './datasets/current-versions.ts';
import { DatasetArchive } from './datasets/dataset-archive.ts';
import { createDatasetCounters } from './datasets/dataset-counters.ts';
import type { DatasetCounters } from './datasets/dataset-counters.ts';
import type { DatasetIngest } from './datasets/dataset-ingest.ts';
import { followCut } from './fetch/follow-cut.ts';
import type {
  CutProgress,
  DatasetOverview,
  DatasetPublication,
  DatasetQuery,
  DatasetRead,
  Datasets,
  DatasetsDeps,
  DatasetVersions,
  DiffQuery,
} from './datasets/dataset-service.ts';
import { datasetVerdict } from './datasets/dataset-verdict.ts';
import { diffVersions, keptVersion, pinVersion, rollBack } from './datasets/dataset-versions.ts';
import type { VersionDeps } from './datasets/dataset-versions.ts';
import { declaredDataset } from './datasets/declared-dataset.ts';
import type { DeclaredDataset } from './datasets/declared-dataset.ts';
import { createLastingDatasets } from './datasets/lasting-datasets.ts';
import { CacheServerError } from './errors.ts';
import { BodyFrames } from './partition/body-frames.ts';
import { provisionalParts } from './datasets/provisional-read.ts';
import { asQueryError, canBeProvisional, readParts, selectPartitions } from './datasets/read-dataset.ts';
import type { FrameReading } from './datasets/read-dataset.ts';
import { readableDocuments } from './datasets/readable-documents.ts';
import { createMemoryStore } from './store/memory-store.ts';

const FRAMES_KEPT_BYTES_MAX = 32 * 1024 * 1024;

class DatasetShelf implements Datasets {
  readonly #deps: DatasetsDeps;
  readonly #archive: DatasetArchive;
  readonly #frames: BodyFrames;
  readonly #currents: CurrentVersions;
  readonly #closed = new AbortController();
  readonly #count: (what: string) => void;
  readonly onSent: (bytes: number) => void;

  constructor(deps: DatasetsDeps, counters: DatasetCounters) {
    const { store, logger } = deps;
    this.#deps = deps;
    this.#archive = new DatasetArchive(deps);
    this.#count = counters.count;
    this.onSent = counters.sent;
    this.#currents = new CurrentVersions({
      ...deps,
      archive: this.#archive,
      closed: this.#closed.signal,
      onPublished: (publication) => void this.#announce(publication),
      count: this.#count,
    });
    this.#frames = new BodyFrames({
      source: store,
      keptBytesMax: FRAMES_KEPT_BYTES_MAX,
      onLost: (what, error) => {
        this.#count(`partition-${what}`);
        logger.warn({ err: error, what }, 'dataset partition');
      },
    });
  }

  async describe(name: string, version: string, signal: AbortSignal): Promise<DatasetManifest> {
    const declared = declaredDataset(name, this.#deps);
    if (version !== '') return await keptVersion(declared, version, this.#archive);
    return await abortable(this.#currents.get(declared), signal);
  }

  async read(query: DatasetQuery, signal: AbortSignal): Promise<DatasetRead> {
    const declared = declaredDataset(query.dataset, this.#deps);
    if (query.version !== '')
      return this.#readWhole(declared, await keptVersion(declared, query.version, this.#archive), {
        query,
        signal,
      });
    const shelf = await this.#archive.shelf(declared);
    const begun = Promise.withResolvers<DatasetIngest>();
    const stopListening = this.#currents.onIngest(declared.name, begun.resolve);
    try {
      const current = this.#currents.get(declared);
      // Pages that change under the walk are cut anew, and what was read of the first cut would be wrong.
      const mayBeProvisional =
        shelf.current === '' && declared.settings.pages === undefined && canBeProvisional(query);
      const first = await abortable(
        mayBeProvisional ? Promise.race([current, begun.promise]) : current,
        signal,
      );
      if ('cut' in first)
        return this.#readProvisional(declared, first, { query, signal, published: current });
      return this.#readWhole(declared, first, { query, signal });
    } finally {
      stopListening();
    }
  }

  async warm(name: string, signal: AbortSignal, onCut: (progress: CutProgress) => void): Promise<void> {
    const followed = new AbortController();
    const ended = AbortSignal.any([signal, followed.signal]);
    // It ends with the waiting, and has nobody to tell then.
    let isCutHere = false;
    const onIngest = (ingest: DatasetIngest): void => {
      isCutHere = true;
      void followCut(ingest, ended, onCut).catch(() => undefined);
    };
    try {
      const declared = declaredDataset(name, this.#deps);
      const { records, partitions } = await abortable(this.#currents.refreshed(declared, onIngest), signal);
      // Of what another server cuts, or has cut before, only the outcome is known.
      if (!isCutHere) onCut({ bytes: 0, bytesTotal: 0, records, partitions: partitions.length });
    } finally {
      followed.abort();
    }
  }

  async list(): Promise<DatasetOverview[]> {
    const names = Object.keys(this.#deps.datasets).toSorted();
    return await Promise.all(
      names.map(async (name) => {
        const declared = declaredDataset(name, this.#deps);
        const { current } = await this.#archive.shelf(declared);
        const manifest = current === '' ? undefined : await this.#archive.manifest(declared, current);
        const { upstream, endpoint } = declared.settings;
        const counts = { records: manifest?.records ?? 0, partitions: manifest?.partitions.length ?? 0 };
        return {
          dataset: name,
          upstream,
          endpoint: [endpoint].flat().join(' '),
          version: current,
          ...counts,
        };
      }),
    );
  }

  async versions(name: string): Promise<DatasetVersions> {
    return await this.#archive.shelf(declaredDataset(name, this.#deps));
  }

  async pin(name: string, version: string, isPinned: boolean): Promise<void> {
    await pinVersion(declaredDataset(name, this.#deps), { version, isPinned }, this.#versionDeps);
  }

  async rollback(name: string, version: string): Promise<void> {
    await this.#announce(await rollBack(declaredDataset(name, this.#deps), version, this.#versionDeps));
  }

  async diff(query: DiffQuery, signal: AbortSignal): ReturnType<Datasets['diff']> {
    const ended = AbortSignal.any([signal, this.#closed.signal]);
    const declared = declaredDataset(query.dataset, this.#deps);
    return await diffVersions(declared, { ...query, signal: ended }, this.#versionDeps);
  }

  async close(): Promise<void> {
    this.#closed.abort(new CacheServerError('draining', 'the server is shutting down'));
    await this.#currents.settled();
  }

  /** Whoever watches and is not told finds the version when it reads. Never rejects. */
  async #announce(publication: DatasetPublication): Promise<void> {
    const { generations, logger } = this.#deps;
    try {
      await generations.announce(publication);
    } catch (error) {
      this.#count('untold');
      logger.warn({ err: error, dataset: publication.dataset }, 'a published version cannot be told of');
    }
  }

  get #versionDeps(): VersionDeps {
    return { archive: this.#archive, frames: this.#frames, clock: this.#deps.clock };
  }

  #readWhole(
    declared: DeclaredDataset,
    manifest: DatasetManifest,
    { query, signal }: { query: DatasetQuery; signal: AbortSignal },
  ): DatasetRead {
    let partitions: DatasetPartition[];
    try {
      partitions = selectPartitions(manifest, query);
    } catch (error) {
      throw asQueryError(error);
    }
    const coming = partitions.slice(query.skipPartitions);
    return {
      version: manifest.version,
      scope: manifest.scope,
      partitions: coming.length,
      records: coming.reduce((sum, { records }) => sum + records, 0),
      provisional: false,
      manifest,
      parts: () => readParts(partitions, this.#reading(declared, query, signal), query.skipPartitions),
    };
  }

  #readProvisional(
    declared: DeclaredDataset,
    ingest: DatasetIngest,
    {
      query,
      signal,
      published,
    }: { query: DatasetQuery; signal: AbortSignal; published: Promise<DatasetManifest> },
  ): DatasetRead {
    const { version, generation } = ingest;
    const ending = {
      reading: this.#reading(declared, query, signal),
      published,
      isValid: async () =>
        (await datasetVerdict(declared, { current: version, generation }, this.#deps)) === 'valid',
      readPublished: (manifest: DatasetManifest) => this.#readWhole(declared, manifest, { query, signal }),
    };
    return {
      version,
      scope: declared.key.scope,
      partitions: 0,
      records: 0,
      provisional: true,
      manifest: undefined,
      parts: () => provisionalParts(ingest, ending),
    };
  }

  #reading(declared: DeclaredDataset, query: DatasetQuery, signal: AbortSignal): FrameReading {
    return {
      scope: declared.key.scope,
      query,
      frames: this.#frames,
      signal,
      onLost: async ({ name }) => {
        // The next refresh cuts anew rather than failing again.
        await this.#archive.changeShelf(declared, (shelf) => ({ ...shelf, lastCut: '' }));
        if (this.#deps.store.kind !== 'embedded') return;
        const lost = `partition ${name} of dataset ${declared.name} is lost`;
        const why = 'it was driven out of the embedded store, whose size is server.memoryStoreBytesMax';
        throw new CacheServerError('store', `${lost}: ${why}`, { isLost: true });
      },
    };
  }
}

/** Datasets over entries and a store; where others share the store, they can be read while it is away. */
export function createDatasets(deps: DatasetsDeps): Datasets {
  const { clock, entries, generations, makeshiftBytesMax, metrics } = deps;
  if (Object.keys(deps.datasets).length > 0) warmUpIngest(deps.limits.ingestBytesMax);
  const counters = createDatasetCounters(metrics);
  const shared = new DatasetShelf(deps, counters);
  if (deps.store.kind === 'embedded') return shared;
  // Other servers neither cut with this one nor find what it has: nobody is told of it.
  const alone = (): Pick<DatasetsDeps, 'entries' | 'leases' | 'generations'> => ({
    entries: readableDocuments(entries),
    leases: undefined,
    generations: {
      capture: async () => await generations.capture(),
      judge: async (captured, targets) => await generations.judge(captured, targets),
      announce: async () => undefined,
    },
  });
  return createLastingDatasets(shared, {
    ...deps,
    ...counters,
    openMakeshift: () => {
      const memory = createMemoryStore({ bytesMax: makeshiftBytesMax, now: () => clock.now() });
      return { store: memory, datasets: new DatasetShelf({ ...deps, ...alone(), store: memory }, counters) };
    },
  });
}
