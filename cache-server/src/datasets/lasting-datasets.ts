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
import { isWantOfRoom, MakeshiftDatasets } from './makeshift-datasets.ts';
import type { OpenedMakeshift } from './makeshift-datasets.ts';
import { isWorthAnother } from './readable-documents.ts';
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
type Asked = Pick<DatasetQuery, 'dataset' | 'version'> & { readonly signal: AbortSignal };

class LastingDatasets implements Datasets {
  readonly #shared: Datasets;
  readonly #watch: StoreWatch;
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
    this.#makeshift = new MakeshiftDatasets({
      open: openMakeshift,
      isNeeded: () => this.#watch.isAway,
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
    const asked = { ...query, signal };
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
    await Promise.all([this.#shared.close(), this.#makeshift.close()]);
  }

  /** From the store, and from memory where that fails; the other way round while it is known to be away, for its memory may have the answer. */
  async #answer<T>(
    { dataset, version, signal }: Asked,
    { shared, makeshift }: { shared: () => Promise<T>; makeshift: (datasets: Datasets) => Promise<T> },
  ): Promise<T> {
    const fromMemory = async (): Promise<T> => await this.#makeshift.lend(dataset, makeshift);
    const fromStore = async (): Promise<T> =>
      await shared().catch(async (error: unknown) => {
        await this.#cutAnew(dataset, error, signal);
        return await shared();
      });
    // Of a version that the store has named only the store knows what is in it.
    const isNamedByStore = version !== '' && !isContentVersion(version);
    if (isNamedByStore || (await this.#watch.answers())) {
      try {
        return await fromStore();
      } catch (away) {
        this.#requireAway(away, signal);
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
      return await fromStore().catch((away: unknown) => {
        this.#requireAway(away, signal);
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

  /** @throws the error itself, when it is not the store's */
  #requireAway(error: unknown, signal: AbortSignal): void {
    if (signal.aborted || !isStoreAway(error)) throw error;
    this.#watch.noteAway(error);
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
    let failed: unknown;
    try {
      for await (const part of read.parts()) {
        sent.push({ name: part.name, digest: part.digest });
        yield part;
      }
      return;
    } catch (error) {
      failed = error;
    }
    const rest = await this.#rest({ read, skipped: query.skipPartitions, sent }, failed, { query, signal });
    if (rest === undefined) throw failed;
    yield* rest;
  }

  /** From the store once more, where it has lost something; from memory, where it is away. */
  async #rest(
    progress: ReadProgress,
    failed: unknown,
    { query, signal }: { query: DatasetQuery; signal: AbortSignal },
  ): ReturnType<typeof restOf> {
    const restFrom = async (datasets: Datasets): ReturnType<typeof restOf> => {
      const manifest = await datasets.describe(query.dataset, '', signal);
      const { version } = manifest;
      return await restOf(
        progress,
        manifest,
        async (skipPartitions) => await datasets.read({ ...query, version, skipPartitions }, signal),
      );
    };
    if (isLoss(failed)) {
      await this.#cutAnew(query.dataset, failed, signal);
      return await restFrom(this.#shared);
    }
    this.#requireAway(failed, signal);
    try {
      const rest = await this.#makeshift.lend(query.dataset, restFrom);
      if (rest !== undefined) this.#madeDo('rest');
      return rest;
    } catch (error) {
      throw toBeTold(failed, error, query);
    }
  }
}

/**
 * Which of two failures is told: what is wrong with the upstream or its data, rather than that the store is away. But the store it is where
 * there was no room without it, where a document is still at fault that it does not give, and where a certain version was asked for.
 */
function toBeTold(away: unknown, makeshift: unknown, { version }: Pick<Asked, 'version'>): unknown {
  return version !== '' || isWantOfRoom(makeshift) || isWorthAnother(makeshift) ? away : makeshift;
}

/** Datasets that outlast the absence of their store. */
export function createLastingDatasets(shared: Datasets, deps: LastingDeps): Datasets {
  return new LastingDatasets(shared, deps);
}
