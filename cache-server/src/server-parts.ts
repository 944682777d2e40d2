/** What a server is made of behind its ports: store, control, upstreams, entries, objects, datasets and what runs by itself. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config, Logger, Metrics } from '@pannier/runtime';
import type { Generation, GenerationMode, GenerationTarget } from '@pannier/proto/generation';
import type { Clock } from './clock.ts';
import { openClusterControl } from './cluster-control.ts';
import { datasetUrls, declaredDataset } from './datasets/declared-dataset.ts';
import type { EntryService } from './entry/entry-service.ts';
import { createGenerations } from './generation/create-generations.ts';
import type { Generations } from './generation/generations.ts';
import type { Datasets } from './datasets/dataset-service.ts';
import { createDatasets } from './get-dataset.ts';
import { createGetEntry } from './get-entry.ts';
import { invalidate } from './invalidate.ts';
import type { JobQueue } from './jobs/job-queue.ts';
import { createObjectKeeper } from './keep-object.ts';
import type { ObjectKeeper } from './keep-object.ts';
import { createInvalidationCounter } from './observe/invalidation-counter.ts';
import { createRedisGauge } from './observe/redis-gauge.ts';
import { openStore } from './open-store.ts';
import type { RefreshSchedule } from './refresh/refresh-schedule.ts';
import { startJanitor } from './start-janitor.ts';
import type { RunningJanitor } from './start-janitor.ts';
import { startJobs } from './start-jobs.ts';
import { startRefresh } from './start-refresh.ts';
import type { EntryStore } from './store/entry-store.ts';
import type { OwnAddress } from './upstream/guarded-connector.ts';
import { createUpstreamRegistry } from './upstream/upstream-registry.ts';
import type { UpstreamRegistry } from './upstream/upstream-registry.ts';

/** What the parts are opened with. */
interface PartsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly ownAddresses: readonly OwnAddress[];
}

/** See the head of this file. */
export interface ServerParts {
  readonly limits: Config['limits'];
  readonly store: EntryStore;
  /** Whether the Redis for control answers now; undefined for a server that is alone. */
  readonly controlAnswers: () => Promise<boolean | undefined>;
  readonly generations: Generations;
  readonly entries: EntryService;
  readonly datasets: Datasets;
  readonly jobs: JobQueue;
  readonly refresh: RefreshSchedule;
  readonly janitor: RunningJanitor;
  readonly objects: ObjectKeeper;
  readonly invalidate: (targets: readonly GenerationTarget[], mode: GenerationMode) => Promise<Generation>;
  /** Ends what is open; jobs and the refresh are closed before, by whoever drains them. */
  close(): Promise<void>;
}

/** What does not fit into the embedded store beside other entries is relayed rather than stored. */
function entryBytesMax({ server, limits }: Config): number {
  return server.redis === undefined
    ? Math.min(limits.entryBytesMax, server.memoryStoreBytesMax / 2)
    : limits.entryBytesMax;
}

async function openUpstreams(
  { upstreams, server, limits }: Config,
  ownAddresses: readonly OwnAddress[],
): Promise<UpstreamRegistry> {
  return await createUpstreamRegistry({
    upstreams,
    undeclared: server.undeclared,
    allowPrivateAddresses: server.allowPrivateAddresses,
    ownAddresses,
    viaName: `pannier-server-${randomUUID().slice(0, 8)}`,
    limits,
  });
}

/** How long a server waits for its Redis before it listens, and between two looks, in milliseconds. */
const REDIS_WAIT_MS = 2000;
const REDIS_LOOK_MS = 20;

async function storeAnswers(store: EntryStore): Promise<boolean> {
  return await store.stats().then(
    () => true,
    () => false,
  );
}

/** One that listened at once would find nothing in the store yet and nobody to agree with: each server would fetch for itself. */
async function awaitRedis(store: EntryStore, generations: Generations): Promise<void> {
  const beganMs = performance.now();
  await generations.captureForSure(REDIS_WAIT_MS);
  while (!(await storeAnswers(store)) && performance.now() - beganMs < REDIS_WAIT_MS)
    await sleep(REDIS_LOOK_MS);
}

/** Opens everything. A Redis that does not answer soon is connected to in the background. */
export async function openServerParts(config: Config, deps: PartsDeps): Promise<ServerParts> {
  const { clock, logger, metrics } = deps;
  const limits = { ...config.limits, entryBytesMax: entryBytesMax(config) };
  const store = openStore(config, deps);
  const control = openClusterControl(config, logger);
  const controlAnswers = async (): Promise<boolean | undefined> => await control?.connection.answers();
  if (control !== undefined)
    createRedisGauge(metrics, {
      data: async () => await storeAnswers(store),
      control: async () => await control.connection.answers(),
    });
  const upstreams = await openUpstreams(config, deps.ownAddresses);
  const generations = createGenerations({
    clock,
    random: Math.random,
    log: control?.invalidationLog,
    metrics,
    onFailure: (err) => logger.debug({ err }, 'the log of invalidations cannot be read'),
  });
  await awaitRedis(store, generations).catch((err: unknown) =>
    logger.warn({ err }, 'Redis does not answer yet: served without it until it does'),
  );
  const shared = { store, limits, clock, random: Math.random, logger, metrics, generations };
  const entries = createGetEntry({
    ...shared,
    upstreams,
    plainUrls: datasetUrls(config),
    keySecret: config.server.keySecret,
    protectionShare: control?.protectionShare,
    leases: control?.leases,
  });
  const datasets = createDatasets({
    ...shared,
    entries,
    leases: control?.leases,
    upstreams: config.upstreams,
    datasets: config.datasets,
    baseDir: process.cwd(),
    makeshiftBytesMax: config.server.memoryStoreBytesMax,
  });
  const jobs = startJobs({ ...shared, config, entries, datasets });
  const refresh = startRefresh({ ...shared, config, entries, claims: control?.refreshClaims });
  const janitor = startJanitor({ ...shared, config, ledger: control?.useLedger });
  const countInvalidated = createInvalidationCounter(metrics);
  const datasetUrlsOf = (name: string): readonly string[] => declaredDataset(name, config).urls;
  return {
    limits,
    store,
    controlAnswers,
    generations,
    entries,
    datasets,
    jobs,
    refresh,
    janitor,
    objects: createObjectKeeper({ ...shared, logTimeoutMs: config.server.redis?.commandTimeoutMs ?? 0 }),
    async invalidate(targets, mode) {
      const told = await invalidate(targets, mode, { generations, upstreams, datasetUrls: datasetUrlsOf });
      countInvalidated(targets, mode);
      return told;
    },
    async close() {
      entries.close();
      await janitor.close();
      await Promise.all([upstreams.close(), datasets.close(), store.close()]);
      await generations.close();
      await control?.close();
    },
  };
}
