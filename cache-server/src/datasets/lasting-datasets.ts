/**
 * Datasets that can be read while the store that all servers share is away: what the store cannot give is cut anew for the readers of this
 * server, in its own memory ({@link MakeshiftDatasets}). Whatever is about more than one read, such as pins and jobs, needs the store.
 */
import { begun, restOf } from './begun-read.ts';
import type { ReadProgress } from './begun-read.ts';
import { contentVersion, isContentVersion, versionOfContent } from './content-version.ts';
import type { DatasetCounters } from './dataset-counters.ts';
import type { DatasetQuery, DatasetRead, Datasets, DatasetsDeps, ReadPartition } from './dataset-service.ts';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import { CacheServerError, isLoss } from '../errors.ts';
import { isWantOfRoom, MakeshiftDatasets, toBeTold } from './makeshift-datasets.ts';
import type { OpenedMakeshift } from './makeshift-datasets.ts';
import { canBeProvisional } from './read-dataset.ts';
import { StoreLosses } from './store-losses.ts';
import { isStoreAway, StoreWatch } from './store-watch.ts';

/** What they are made with. */
export interface LastingDeps
  extends Pick<DatasetsDeps, 'store' | 'clock' | 'logger' | 'metrics'>, Pick<DatasetCounters, 'madeDo'> {
  readonly openMakeshift: () => OpenedMakeshift;
}

/** A version and its name for readers. */
interface FoundVersion {
  readonly manifest: DatasetManifest;
  readonly version: string;
}

/** What is asked for. */
interface Asked extends Pick<DatasetQuery, 'dataset' | 'version'> {
  readonly signal: AbortSignal;
  /** Whether a first version may be given while it is cut: all of it, whether the store keeps it or not. */
  readonly mayBeProvisional?: boolean;
}

/** What a read that has begun asks for. */
interface RestQuery {
  readonly query: DatasetQuery;
  readonly signal: AbortSignal;
}

/** What is left of a read, and what is to be done when that fails, too. */
interface Rest {
  readonly parts: AsyncIterable<ReadPartition>;
  readonly goOn: GoOn | undefined;
}

/** @returns undefined when what was begun with is not there any more */
type GoOn = (progress: ReadProgress, failed: unknown, asked: RestQuery) => Promise<Rest | undefined>;

class LastingDatasets implements Datasets {
  readonly #shared: Datasets;
  readonly #watch: StoreWatch;
  readonly #losses: StoreLosses;
  readonly #makeshift: MakeshiftDatasets;
  readonly #madeDo: LastingDeps['madeDo'];

  constructor(shared: Datasets, { store, clock, logger, metrics, openMakeshift, madeDo }: LastingDeps) {
    this.#shared = shared;
    this.#madeDo = madeDo;
    this.#watch = new StoreWatch({
      store,
      clock,
      onAway: (err) => logger.warn({ err }, 'Redis is away: datasets are cut and read in memory'),
      onBack: () => {
        logger.info({}, 'Redis is back: datasets are read from it');
        this.#makeshift.dropUnneeded();
      },
    });
    this.#losses = new StoreLosses({
      clock,
      onLoss: (dataset, err) => logger.warn({ dataset, err }, 'Redis lost a dataset: it is read in memory'),
      onNone: () => this.#makeshift.dropUnneeded(),
    });
    this.#makeshift = new MakeshiftDatasets({
      open: openMakeshift,
      isNeeded: () => this.#watch.isAway || !this.#losses.isNone,
      clock,
    });
    metrics.gauge({
      name: 'dataset_makeshift_bytes',
      help: 'Bytes of datasets that are kept in the memory of this server alone, because Redis is away.',
      read: async () => await this.#makeshift.bytes(),
    });
  }

  async describe(dataset: string, version: string, signal: AbortSignal): Promise<DatasetManifest> {
    const asked = { dataset, version, signal };
    return await this.#answer(asked, {
      shared: async () => {
        if (!isContentVersion(version)) return await this.#shared.describe(dataset, version, signal);
        return { ...(await versionOfContent(this.#shared, asked)), version };
      },
      makeshift: async (datasets) => {
        const found = await this.#found(datasets, asked);
        return { ...found.manifest, version: found.version };
      },
    });
  }

  async read(query: DatasetQuery, signal: AbortSignal): Promise<DatasetRead> {
    const asked = { ...query, signal, mayBeProvisional: canBeProvisional(query) };
    return await this.#answer(asked, {
      shared: async () => {
        const read = await begun(await this.#readShared(query, signal));
        return { ...read, parts: () => this.#parts(read, query, signal) };
      },
      makeshift: async (datasets) => {
        const { manifest, version } = await this.#found(datasets, asked);
        const read = await datasets.read({ ...query, version: manifest.version }, signal);
        this.#madeDo('whole');
        return { ...read, version };
      },
    });
  }

  async warm(...call: Parameters<Datasets['warm']>): Promise<void> {
    await this.#shared.warm(...call);
  }

  async list(): ReturnType<Datasets['list']> {
    return await this.#shared.list();
  }

  async versions(...call: Parameters<Datasets['versions']>): ReturnType<Datasets['versions']> {
    return await this.#shared.versions(...call);
  }

  async pin(...call: Parameters<Datasets['pin']>): Promise<void> {
    await this.#shared.pin(...call);
  }

  async rollback(...call: Parameters<Datasets['rollback']>): Promise<void> {
    await this.#shared.rollback(...call);
  }

  async diff(...call: Parameters<Datasets['diff']>): ReturnType<Datasets['diff']> {
    return await this.#shared.diff(...call);
  }

  onSent(bytes: number): void {
    this.#shared.onSent(bytes);
  }

  async close(): Promise<void> {
    this.#watch.close();
    this.#losses.close();
    await Promise.all([this.#shared.close(), this.#makeshift.close()]);
  }

  /** From the store, and from memory where that fails; the other way round while it is known to be away, for its memory may have the answer. */
  async #answer<T>(
    asked: Asked,
    { shared, makeshift }: { shared: () => Promise<T>; makeshift: (datasets: Datasets) => Promise<T> },
  ): Promise<T> {
    const { dataset, version, signal, mayBeProvisional = false } = asked;
    const fromMemory = async (): Promise<T> => await this.#makeshift.lend(dataset, makeshift);
    const fromStore = async (): Promise<T> =>
      await shared().catch(async (error: unknown) => {
        await this.#cutAnew(dataset, error, signal);
        return await shared();
      });
    // Of a version that the store has named only the store knows what is in it.
    const isNamedByStore = version !== '' && !isContentVersion(version);
    if (isNamedByStore || (!this.#losses.has(dataset) && (await this.#watch.answers()))) {
      try {
        return await fromStore();
      } catch (away) {
        this.#requireAway(away, asked);
        return await fromMemory().catch((error: unknown) => {
          throw toBeTold(away, error, { version });
        });
      }
    }
    try {
      return await fromMemory();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CacheServerError && error.code === 'bad-request') throw error;
      // There is no room for it in either: what the store lost a moment ago it would lose again, two cuts later.
      const isInVain = version === '' && !mayBeProvisional && isWantOfRoom(error);
      if (isInVain && this.#losses.has(dataset)) throw this.#losses.of(dataset);
      return await fromStore().catch((away: unknown) => {
        this.#requireAway(away, asked);
        throw toBeTold(away, error, { version });
      });
    }
  }

  /** What the store has lost is there again, if the upstream still has it. @throws the error itself, when nothing is lost */
  async #cutAnew(dataset: string, error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted || !isLoss(error)) throw error;
    // A refresh that is waited for: the version at hand is the one that has lost something.
    await this.#shared.warm(dataset, signal, () => undefined);
  }

  /** One that loses what it was just given is, for that dataset, of no more use than one that is away. @throws the error itself, when it is not the store's */
  #requireAway(error: unknown, { dataset, version, signal }: Asked): void {
    if (signal.aborted || !(isStoreAway(error) || isLoss(error))) throw error;
    if (!isLoss(error)) this.#watch.noteAway(error);
    // What is lost of a certain version may be there of the current one.
    else if (version === '') this.#losses.note(dataset, error);
  }

  async #readShared(query: DatasetQuery, signal: AbortSignal): Promise<DatasetRead> {
    const { version } = query;
    if (!isContentVersion(version)) return await this.#shared.read(query, signal);
    const manifest = await versionOfContent(this.#shared, { ...query, signal });
    return { ...(await this.#shared.read({ ...query, version: manifest.version }, signal)), version };
  }

  /** What memory has of a version, if it has the same. The current one goes by its content, so that any server can go on with it. */
  async #found(datasets: Datasets, asked: Asked): Promise<FoundVersion> {
    const { dataset, version, signal } = asked;
    if (isContentVersion(version)) return { manifest: await versionOfContent(datasets, asked), version };
    if (version === '') {
      const manifest = await datasets.describe(dataset, '', signal);
      return { manifest, version: contentVersion(manifest) };
    }
    const content = contentVersion(await this.#shared.describe(dataset, version, signal));
    return { manifest: await versionOfContent(datasets, { ...asked, version: content }), version };
  }

  /** The partitions of a read from the store; what it cannot give any more is cut anew, if that makes what was begun with. */
  async *#parts(
    read: DatasetRead,
    query: DatasetQuery,
    signal: AbortSignal,
  ): AsyncGenerator<ReadPartition, void, undefined> {
    const sent: { name: string; digest: Uint8Array }[] = [];
    const progress = { read, skipped: query.skipPartitions, sent };
    let rest: Rest = { parts: read.parts(), goOn: this.#restFromStore };
    for (;;) {
      try {
        for await (const part of rest.parts) {
          sent.push({ name: part.name, digest: part.digest });
          yield part;
        }
        return;
      } catch (failed) {
        const next: Rest | undefined = await rest.goOn?.(progress, failed, { query, signal });
        if (next === undefined) throw failed;
        rest = next;
      }
    }
  }

  /** What it has lost is there again; from memory, where it is away, or loses it again. */
  readonly #restFromStore: GoOn = async (progress, failed, asked) => {
    if (!isLoss(failed)) return await this.#restFromMemory(progress, failed, asked);
    try {
      await this.#cutAnew(asked.query.dataset, failed, asked.signal);
      const parts = await restFrom(this.#shared, progress, asked);
      return parts && { parts, goOn: this.#restFromMemory };
    } catch (error) {
      return await this.#restFromMemory(progress, error, asked);
    }
  };

  readonly #restFromMemory: GoOn = async (progress, failed, asked) => {
    const { query, signal } = asked;
    this.#requireAway(failed, { ...query, signal });
    try {
      const parts = await this.#makeshift.lend(
        query.dataset,
        async (datasets) => await restFrom(datasets, progress, asked),
      );
      if (parts !== undefined) this.#madeDo('rest');
      return parts && { parts, goOn: undefined };
    } catch (error) {
      throw toBeTold(failed, error, query);
    }
  };
}

async function restFrom(
  datasets: Datasets,
  progress: ReadProgress,
  { query, signal }: RestQuery,
): ReturnType<typeof restOf> {
  const manifest = await datasets.describe(query.dataset, '', signal);
  const { version } = manifest;
  return await restOf(
    progress,
    manifest,
    async (skipPartitions) => await datasets.read({ ...query, version, skipPartitions }, signal),
  );
}

/** Datasets that outlast the absence of their store. */
export function createLastingDatasets(shared: Datasets, deps: LastingDeps): Datasets {
  return new LastingDatasets(shared, deps);
}
