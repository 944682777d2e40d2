/** The version that readers get now: one refresh for all who ask, and the version at hand when that takes long. */
import { FailedRefreshes } from '../dataset/version/failed-refreshes.ts';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import type { DatasetArchive } from './dataset-archive.ts';
import type { DatasetIngest } from './dataset-ingest.ts';
import { datasetVerdict } from './dataset-verdict.ts';
import { refresh } from './dataset-refresh.ts';
import type { RefreshDeps } from './refresh-deps.ts';
import type { DeclaredDataset } from './declared-dataset.ts';
import type { Judgement } from '../generation/generations.ts';
import { RefreshTurns } from './refresh-turns.ts';

/** How long readers wait for a refresh while there is a version at hand; it goes on without them. */
const REFRESH_WAIT_MS = 3_000;

type Deps = Omit<RefreshDeps, 'onIngest' | 'failures' | 'turns'>;
type OnIngest = (ingest: DatasetIngest) => void;

interface Running {
  readonly refreshed: Promise<DatasetManifest>;
  readonly startedAtMs: number;
  ingest: DatasetIngest | undefined;
}

/** Refreshes datasets when they are read. */
export class CurrentVersions {
  readonly #deps: Deps;
  readonly #archive: DatasetArchive;
  readonly #failures: FailedRefreshes;
  readonly #turns: RefreshTurns;
  readonly #running = new Map<string, Running>();
  readonly #onIngest = new Map<string, Set<OnIngest>>();

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#archive = deps.archive;
    this.#failures = new FailedRefreshes(deps.clock);
    this.#turns = new RefreshTurns({
      leases: deps.leases,
      clock: deps.clock,
      waitMsMax: deps.limits.fetchDeadlineMs,
      onAway: () => deps.count('control-away'),
    });
  }

  /** The current version, once it is known to be, or for so long as can be waited. */
  async get(declared: DeclaredDataset): Promise<DatasetManifest> {
    const running = this.#running.get(declared.name);
    if (running === undefined) return await this.#whenRefreshed(declared, this.#start(declared));
    if (running.ingest !== undefined) this.#announce(declared.name, running.ingest);
    const refreshed = await this.#whenRefreshed(declared, running);
    // It began before this caller asked: an invalidation may have come between, or a roll-back.
    const isOver = this.#running.get(declared.name) !== running;
    const verdict = await this.#verdict(declared);
    if (isOver && (verdict === 'stale' || verdict === 'gone'))
      return await this.#whenRefreshed(declared, this.#running.get(declared.name) ?? this.#start(declared));
    return (await this.#atHand(declared)) ?? refreshed;
  }

  /**
   * Refreshes a dataset, however long that takes.
   *
   * @throws what is wrong with what the upstream has, also where there is an older version to read
   */
  async refreshed(declared: DeclaredDataset, onIngest: OnIngest): Promise<DatasetManifest> {
    const stopListening = this.onIngest(declared.name, onIngest);
    try {
      const running = this.#running.get(declared.name);
      if (running?.ingest !== undefined) onIngest(running.ingest);
      const manifest = await (running ?? this.#start(declared)).refreshed;
      const failed = this.#failures.standing(declared.name);
      if (failed !== undefined) throw failed.error;
      return manifest;
    } finally {
      stopListening();
    }
  }

  /** Tells of the dataset's ingests: of the one under way when the next `get` joins it, and of those that begin. */
  onIngest(name: string, listener: OnIngest): () => void {
    const listeners = this.#onIngest.get(name) ?? new Set();
    this.#onIngest.set(name, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#onIngest.delete(name);
    };
  }

  /** Waits for the refreshes under way, however they end. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(async ({ refreshed }) => await refreshed));
  }

  /** Goes on when those who asked leave. */
  #start(declared: DeclaredDataset): Running {
    const { name } = declared;
    const onIngest = (_declared: DeclaredDataset, ingest: DatasetIngest): void => {
      running.ingest = ingest;
      this.#announce(name, ingest);
    };
    const deps = { ...this.#deps, onIngest, failures: this.#failures, turns: this.#turns };
    const refreshed = refresh(declared, deps, this.#deps.closed).finally(() => this.#running.delete(name));
    refreshed.catch(() => undefined);
    const running: Running = { refreshed, startedAtMs: this.#deps.clock.now(), ingest: undefined };
    this.#running.set(name, running);
    return running;
  }

  async #whenRefreshed(
    declared: DeclaredDataset,
    { refreshed, startedAtMs }: Running,
  ): Promise<DatasetManifest> {
    const { clock } = this.#deps;
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const waitMs = startedAtMs + REFRESH_WAIT_MS - clock.now();
    const stopWaiting = clock.after(Math.max(waitMs, 0), () => resolve(undefined));
    if (waitMs <= 0) resolve(undefined);
    try {
      const manifest = (await Promise.race([refreshed, late])) ?? (await this.#atHand(declared));
      return manifest ?? (await refreshed);
    } finally {
      stopWaiting();
    }
  }

  async #verdict(declared: DeclaredDataset): Promise<Judgement['verdict']> {
    return await datasetVerdict(declared, await this.#archive.shelf(declared), this.#deps);
  }

  async #atHand(declared: DeclaredDataset): Promise<DatasetManifest | undefined> {
    const shelf = await this.#archive.shelf(declared);
    const { current } = shelf;
    if ((await datasetVerdict(declared, shelf, this.#deps)) === 'gone') return undefined;
    return current === '' ? undefined : await this.#archive.manifest(declared, current);
  }

  #announce(name: string, ingest: DatasetIngest): void {
    for (const listener of this.#onIngest.get(name) ?? []) listener(ingest);
  }
}
