/** Puts a proxy together: routes, transport, near cache, pass-through, and the two ports. */
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createNearCache, createTransport, PannierError } from '@pannier/client/transport';
import type { WatchListener } from '@pannier/client/transport';
import { createLogger, createMetrics, listenOrExplain, startAdmin } from '@pannier/runtime';
import type { Config, Logger, Metrics } from '@pannier/runtime';
import { readAsked } from './asked-request.ts';
import { BypassMemory } from './bypass-memory.ts';
import { asTold } from './client-exchange.ts';
import { createDatasetDoor } from './dataset-door.ts';
import { createDirectFetch } from './direct-fetch.ts';
import { createDirectFlights } from './direct-flights.ts';
import { createEgress } from './egress.ts';
import { FallbackSlots } from './fallback-slots.ts';
import { ProxyError } from './errors.ts';
import { createHttpPort } from './http-port.ts';
import { handleConnect } from './interception/connect.ts';
import { createReverseRoutes } from './interception/reverse-route.ts';
import { createInvalidate } from './invalidation.ts';
import { createPassthrough } from './passthrough.ts';
import { createProxyCounters } from './proxy-counters.ts';
import type { ProxyCounters } from './proxy-counters.ts';
import { createRequestHandler } from './request-handler.ts';
import type { HandlerParts } from './request-handler.ts';
import { createLookupFlights } from './lookup-flights.ts';
import { describeFallback, logServers } from './server-log.ts';
import { sharedBodyLimits } from './shared-body.ts';
import { refuseUpgrade } from './upgrade-relay.ts';
import { createUpstreamRoutes } from './upstream-route.ts';

/** What a proxy is started with. */
export interface ProxyOptions {
  readonly config: Config;
  /** Default: one made from `config.log`. */
  readonly logger?: Logger;
  /** Milliseconds since 1970; default `Date.now`. */
  readonly now?: () => number;
}

/** A running proxy. */
export interface RunningProxy {
  readonly port: number;
  readonly adminPort: number;
  /** Turns new work away, lets what is open finish for up to `graceMs` (default `limits.drainMs`), and frees everything. */
  close(graceMs?: number): Promise<void>;
}

function failureCode(error: unknown): string {
  return error instanceof PannierError || error instanceof ProxyError ? error.code : 'internal';
}

/** What is shared by all requests. */
interface Assembly {
  readonly parts: HandlerParts;
  readonly counters: ProxyCounters;
  readonly gauges: { connections: number };
  close(): Promise<void>;
}

function assemble(
  config: Config,
  logger: Logger,
  { metrics, ownPorts, now }: { metrics: Metrics; ownPorts: ReadonlySet<number>; now: () => number },
): Assembly {
  const { proxy, limits } = config;
  const egress = createEgress(() => ownPorts);
  const pseudonym = `pannier-proxy-${randomUUID().slice(0, 8)}`;
  const { nearCacheBytesMax: bytesMax, nearEntryBytesMax: entryBytesMax, nearTrustMs: trustMs } = proxy;
  const transport = createTransport({
    servers: proxy.servers,
    identity: proxy.identity,
    ackTimeoutMs: limits.ackTimeoutMs,
    silenceMs: 3 * limits.heartbeatMs,
    onEvent: logServers(logger, describeFallback(config)),
  });
  const watch = (listener: WatchListener): void => transport.onInvalidation(listener);
  const near = createNearCache({ bytesMax, entryBytesMax, now, trustMs, watch });
  const gauges = { connections: 0 };
  const counters = createProxyCounters(metrics, {
    connections: () => gauges.connections,
    nearBytes: () => near.bytes,
    nearEntries: () => near.entries,
    nearIsTold: () => near.isTold,
  });
  const direct = createDirectFetch(egress, limits.headerBytesMax);
  const onFailure = (error: unknown): void => {
    counters.failure(failureCode(error));
    logger.debug({ err: error }, 'failure');
  };
  const onHead = createInvalidate({ transport, near, onFailure });
  const passthrough = createPassthrough({ egress, pseudonym, headerBytesMax: limits.headerBytesMax, onHead });
  const slots = new FallbackSlots();
  const windows = sharedBodyLimits(limits);
  const parts: HandlerParts = {
    egress,
    pseudonym,
    direct,
    slots,
    passthrough,
    near,
    datasetDoor: createDatasetDoor({ transport, heldBytesMax: bytesMax }),
    directFlights: createDirectFlights({ direct, slots, pseudonym, limits: windows, now }),
    lookupFlights: createLookupFlights({ transport, near, limits: windows, now }),
    authorities: new WeakMap<Duplex, string>(),
    nearEntryBytesMax: Math.min(entryBytesMax, bytesMax),
    now,
    upstreamRoutes: createUpstreamRoutes(config),
    reverseRoutes: createReverseRoutes(proxy.routes, () => [...ownPorts][0] ?? proxy.port),
    bypassed: new BypassMemory(now),
    onOutcome: (outcome, response) => counters.request(outcome, response),
    onResumed: () => counters.resumed(),
    onFailure,
  };
  return {
    parts,
    counters,
    gauges,
    async close() {
      passthrough.close();
      transport.close();
      await direct.close();
    },
  };
}

/** The HTTP port over the assembled parts; it does not listen yet. */
function openPort(
  { parts, counters, gauges }: Assembly,
  limits: Config['limits'],
  tunnels: Set<Duplex>,
): Server {
  const server = createHttpPort(limits, {
    request: createRequestHandler(parts),
    connect: (request, socket, head) => {
      tunnels.add(socket);
      socket.once('close', () => tunnels.delete(socket));
      const adopt = (client: Socket, authority: string): void => {
        parts.authorities.set(client, authority);
        server.emit('connection', client);
      };
      const surroundings = { egress: parts.egress, adopt, head };
      handleConnect(request, socket as Socket, surroundings).then(
        (outcome) => counters.connect(outcome),
        (error: unknown) => parts.onFailure(error),
      );
    },
    upgrade: (request, socket, head) => {
      try {
        const asked = readAsked(request, parts);
        const upgrade = { request, asked, socket: socket as Socket, head };
        parts.passthrough.upgrade(upgrade, parts.onFailure);
        parts.onOutcome('bypass-upgrade', undefined);
      } catch (error) {
        parts.onOutcome('refused', undefined);
        refuseUpgrade(socket as Socket, asTold(error));
      }
    },
  });
  server.on('connection', (socket: Duplex) => {
    gauges.connections += 1;
    socket.once('close', () => (gauges.connections -= 1));
  });
  return server;
}

/**
 * Starts a proxy. It needs no cache server to start, nor to go on.
 *
 * @throws RuntimeError of one line when a port is busy or a `ca` file cannot be read
 */
export async function startProxy({
  config,
  now = Date.now,
  ...options
}: ProxyOptions): Promise<RunningProxy> {
  const { proxy, limits } = config;
  const logger = options.logger ?? createLogger(config.log, 'proxy');
  const metrics = createMetrics('pannier_proxy', { process: true });
  const ownPorts = new Set<number>();
  const draining = new AbortController();
  const tunnels = new Set<Duplex>();
  const assembly = assemble(config, logger, { metrics, ownPorts, now });
  const server = openPort(assembly, limits, tunnels);
  const { port } = await listenOrExplain(server, {
    host: proxy.host,
    port: proxy.port,
    flag: '--port or proxy.port',
  });
  const admin = await startAdmin({
    host: proxy.adminHost,
    port: proxy.adminPort,
    flag: '--admin-port or proxy.adminPort',
    ready: () => (draining.signal.aborted ? { ok: false, reason: 'draining' } : { ok: true }),
    metrics: metrics.registry,
  });
  ownPorts.add(port).add(admin.port);

  return {
    port,
    adminPort: admin.port,
    async close(graceMs = limits.drainMs) {
      draining.abort();
      await closeServer(server, tunnels, graceMs);
      await Promise.all([admin.close(), assembly.close()]);
    },
  };
}

/** Stops listening, and ends what is still open after the grace period. */
async function closeServer(server: Server, tunnels: ReadonlySet<Duplex>, graceMs: number): Promise<void> {
  const closed = Promise.withResolvers<void>();
  server.close(() => closed.resolve());
  server.closeIdleConnections();
  const timer = setTimeout(() => {
    server.closeAllConnections();
    for (const socket of tunnels) socket.destroy();
    closed.resolve();
  }, graceMs);
  await closed.promise;
  clearTimeout(timer);
  for (const socket of tunnels) socket.destroy();
}
