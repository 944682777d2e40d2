/** Puts a cache server together: store, upstreams, entries, objects, datasets, and the two ports. */
import { randomUUID } from 'node:crypto';
import { createLogger, createMetrics, explainBusyPort, startAdmin } from '@pannier/runtime';
import type { Config, Logger } from '@pannier/runtime';
import { checkDatasets } from './check-datasets.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { openClusterControl } from './cluster-control.ts';
import { describeEntry, originalSummary } from './describe-entry.ts';
import type { EntryService } from './entry-service.ts';
import { declaredDataset, datasetUrls } from './declared-dataset.ts';
import { createGenerations } from './generation/create-generations.ts';
import { createDatasets } from './get-dataset.ts';
import { createGetEntry } from './get-entry.ts';
import { invalidate } from './invalidate.ts';
import { createObjectKeeper } from './keep-object.ts';
import { openStore } from './open-store.ts';
import { startJanitor } from './start-janitor.ts';
import { startJobs } from './start-jobs.ts';
import { checkRefresh, startRefresh } from './start-refresh.ts';
import type { AdminServiceDeps } from './rpc/admin-service.ts';
import { startGrpcServer } from './rpc/grpc-server.ts';
import type { GrpcPort } from './rpc/grpc-server.ts';
import { TicketTable } from './rpc/ticket-table.ts';
import type { EntryStore } from './store/entry-store.ts';
import type { OwnAddress } from './upstream/guarded-connector.ts';
import { createUpstreamRegistry } from './upstream/upstream-registry.ts';
import type { UpstreamRegistry } from './upstream/upstream-registry.ts';

/** What a server is started with. */
export interface CacheServerOptions {
  readonly config: Config;
  /** Default: one made from `config.log`. */
  readonly logger?: Logger;
  /** Where the rest of Pannier listens, such as the all-in-one's proxy: never an upstream. Read at each request; ours are added. */
  readonly ownAddresses?: OwnAddress[];
  /** Default: the real time. */
  readonly clock?: Clock;
}

/** A running server. */
export interface RunningCacheServer {
  /** Of gRPC; 0 for a worker, which has none. */
  readonly port: number;
  readonly adminPort: number;
  readonly store: EntryStore;
  /** Upstream fetches that are not over yet, publishing included. */
  readonly flights: () => number;
  /** Turns new work away, lets what is open finish for up to `limits.drainMs`, and frees everything. */
  close(graceMs?: number): Promise<void>;
}

/** Room in a gRPC message for what surrounds an object's value. */
const MESSAGE_OVERHEAD_BYTES = 1024 * 1024;

/** What does not fit into the embedded store beside other entries is relayed rather than stored. */
function entryBytesMax({ server, limits }: Config): number {
  return server.redis === undefined
    ? Math.min(limits.entryBytesMax, server.memoryStoreBytesMax / 2)
    : limits.entryBytesMax;
}

/** A worker answers nobody. */
async function openGrpc(
  config: Config,
  deps: Parameters<typeof startGrpcServer>[0]['deps'],
): Promise<GrpcPort | undefined> {
  if (config.server.role === 'worker') return undefined;
  const { host, port } = config.server;
  const { streamsMax, objectBytesMax } = config.limits;
  try {
    return await startGrpcServer({
      host,
      port,
      streamsMax,
      messageBytesMax: objectBytesMax + MESSAGE_OVERHEAD_BYTES,
      deps,
    });
  } catch (error) {
    throw explainBusyPort(error, { host, port, flag: '--port or server.port' });
  }
}

function adminDeps(
  entries: EntryService,
  store: EntryStore,
  clock: Clock,
): Omit<AdminServiceDeps, 'listDatasets' | 'datasets' | 'janitor' | 'limits'> {
  const startedMs = clock.now();
  return {
    stats: async () => {
      // Stats are asked for when the store is in trouble, too.
      const { entries: stored, bytes } = await store
        .stats()
        .catch(() => ({ entries: undefined, bytes: undefined }));
      const uptimeMs = clock.now() - startedMs;
      return {
        ...entries.counts(),
        ...entries.activity(),
        store: store.kind,
        entries: stored,
        storedBytes: bytes,
        uptimeMs,
      };
    },
    listKeys: async (page) => await store.listKeys(page),
    describeEntry: async (key) => await describeEntry(key, { entries, store, clock }),
    explain: async (request, caller) => {
      const { manifest, ...explanation } = await entries.explain(request, caller);
      return { ...explanation, entry: manifest && originalSummary(explanation.key, manifest) };
    },
  };
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

/**
 * Starts a server.
 *
 * @throws RuntimeError of one line when a port is busy or an expression does not compile
 */
export async function startCacheServer(options: CacheServerOptions): Promise<RunningCacheServer> {
  const { config, clock = systemClock } = options;
  checkDatasets(config.datasets);
  checkRefresh(config.upstreams);
  const logger = options.logger ?? createLogger(config.log, 'cache-server');
  const limits = { ...config.limits, entryBytesMax: entryBytesMax(config) };
  const metrics = createMetrics('pannier_server', { process: true });
  const store = openStore(config, { clock, logger, metrics });
  const control = openClusterControl(config, logger);
  const ownAddresses = options.ownAddresses ?? [];
  const upstreams = await openUpstreams(config, ownAddresses);
  const generations = createGenerations({
    clock,
    random: Math.random,
    log: control?.invalidationLog,
    onFailure: (err) => logger.debug({ err }, 'the log of invalidations cannot be read'),
  });
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
    upstreams: config.upstreams,
    datasets: config.datasets,
    baseDir: process.cwd(),
  });
  const jobs = startJobs({ ...shared, config, entries, datasets });
  const refresh = startRefresh({ ...shared, config, entries, claims: control?.refreshClaims });
  const janitor = startJanitor({ ...shared, config, ledger: control?.useLedger });
  const tickets = new TicketTable();
  const draining = new AbortController();

  const grpc = await openGrpc(config, {
    ...janitor.heardBy(entries),
    ...adminDeps(entries, store, clock),
    tickets,
    limits,
    datasets,
    jobs,
    janitor,
    objects: janitor.heardByObjects(createObjectKeeper(shared)),
    generations,
    invalidate: async (targets, mode) =>
      await invalidate(targets, mode, {
        generations,
        upstreams,
        datasetUrls: (name) => declaredDataset(name, config).urls,
      }),
    listDatasets: async () => await datasets.list(),
    now: () => performance.now(),
    onProtocolError: () => logger.debug('an exchange frame that this version does not know'),
    draining: draining.signal,
    drainMs: limits.drainMs,
  });
  const admin = await startAdmin({
    host: config.server.adminHost,
    port: config.server.adminPort,
    flag: '--admin-port or server.adminPort',
    ready: () => (draining.signal.aborted ? { ok: false, reason: 'draining' } : { ok: true }),
    metrics: metrics.registry,
  });
  if (grpc !== undefined) ownAddresses.push({ host: config.server.host, port: grpc.port });
  ownAddresses.push({ host: config.server.adminHost, port: admin.port });

  return {
    port: grpc?.port ?? 0,
    adminPort: admin.port,
    store,
    flights: () => entries.activity().flights,
    async close(graceMs = limits.drainMs) {
      draining.abort();
      refresh.close();
      await Promise.all([jobs.close(), grpc?.drain(graceMs)]);
      tickets.clear();
      entries.close();
      await janitor.close();
      await Promise.all([admin.close(), upstreams.close(), datasets.close(), store.close()]);
      await generations.close();
      await control?.close();
    },
  };
}
