/** Opens the two ports of a cache server before its parts. */
import { createLogger, createMetrics, explainBusyPort, requireFaultless, startAdmin } from '@pannier/runtime';
import type { Config, Logger } from '@pannier/runtime';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { CONFIG_CHECKS } from './config-checks.ts';
import { describeEntry, originalSummary } from './entry/describe-entry.ts';
import type { EntryService } from './entry/entry-service.ts';
import { openServerParts } from './server-parts.ts';
import type { ServerParts } from './server-parts.ts';
import type { AdminServiceDeps } from './rpc/admin-service.ts';
import { startGrpcServer } from './rpc/grpc-server.ts';
import type { GrpcPort } from './rpc/grpc-server.ts';
import { TicketTable } from './rpc/ticket-table.ts';
import type { EntryStore } from './store/entry-store.ts';
import type { OwnAddress } from './upstream/guarded-connector.ts';

export { CONFIG_CHECKS };

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
  { store, controlAnswers, clock }: Pick<ServerParts, 'store' | 'controlAnswers'> & { clock: Clock },
): Omit<AdminServiceDeps, 'listDatasets' | 'datasets' | 'janitor' | 'limits'> {
  const startedMs = clock.now();
  return {
    stats: async () => {
      // Stats are asked for when the store is in trouble, too.
      const [{ entries: stored, bytes }, control] = await Promise.all([
        store.stats().catch(() => ({ entries: undefined, bytes: undefined })),
        controlAnswers(),
      ]);
      const uptimeMs = clock.now() - startedMs;
      return {
        ...entries.counts(),
        ...entries.activity(),
        upstreamLoads: entries.upstreamLoads(),
        store: store.kind,
        entries: stored,
        storedBytes: bytes,
        controlAnswers: control,
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

/**
 * Starts a server.
 *
 * @throws RuntimeError of one line when a port is busy or an expression does not compile
 */
export async function startCacheServer(options: CacheServerOptions): Promise<RunningCacheServer> {
  const { config, clock = systemClock } = options;
  requireFaultless(config, CONFIG_CHECKS);
  const logger = options.logger ?? createLogger(config.log, 'cache-server');
  const metrics = createMetrics('pannier_server', { process: true });
  const ownAddresses = options.ownAddresses ?? [];
  const parts = await openServerParts(config, { clock, logger, metrics, ownAddresses });
  const { store, entries, datasets, jobs, janitor, generations, limits } = parts;
  const tickets = new TicketTable();
  const draining = new AbortController();

  const grpc = await openGrpc(config, {
    ...janitor.heardBy(entries),
    ...adminDeps(entries, { ...parts, clock }),
    tickets,
    limits,
    datasets,
    jobs,
    janitor,
    objects: janitor.heardByObjects(parts.objects),
    generations,
    invalidate: parts.invalidate,
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
      parts.refresh.close();
      await Promise.all([jobs.close(), grpc?.drain(graceMs)]);
      tickets.clear();
      await Promise.all([admin.close(), parts.close()]);
    },
  };
}
