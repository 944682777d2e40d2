/** `npm start`: the all-in-one. Demo upstream with real data, cache server and proxy in one process, and what to try. */
import { parseArgs } from 'node:util';
import { CONFIG_CHECKS, startCacheServer } from '@pannier/cache-server';
import { startUpstream } from '@pannier/example-upstream';
import type { Upstream } from '@pannier/example-upstream';
import { startProxy } from '@pannier/proxy';
import { createLogger, installSignals, loadConfig, portFlag, runMain } from '@pannier/runtime';
import type { ConfigOverrides } from '@pannier/runtime';
import { ownFlags, storeNotice, whatToTry } from './start-text.ts';

const HELP = `Usage: npm start -- [--config FILE] [--redis URL] [--upstream-port N] [--server-port N] [--proxy-port N]

  --config FILE       pannier.yaml; the all-in-one adds the demo upstream and its dataset to it
  --redis URL         keep entries in this Redis instead of in memory
  --upstream-port N   demo upstream (7099)
  --server-port N     cache server (7070), its admin port is N + 1
  --proxy-port N      proxy (7080), its admin port is N + 1
`;

interface Flags {
  readonly config: string | undefined;
  readonly redis: string | undefined;
  readonly upstreamPort: number | undefined;
  readonly serverPort: number | undefined;
  readonly proxyPort: number | undefined;
}

function readFlags(): Flags | undefined {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      redis: { type: 'string' },
      'upstream-port': { type: 'string', default: '7099' },
      'server-port': { type: 'string' },
      'proxy-port': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    config: values.config,
    redis: values.redis,
    upstreamPort: portFlag('--upstream-port', values['upstream-port']),
    serverPort: portFlag('--server-port', values['server-port']),
    proxyPort: portFlag('--proxy-port', values['proxy-port']),
  };
}

/** The admin port stands beside its port; a free one (0) has no neighbour to name. */
function beside(port: number | undefined): number | undefined {
  return port === undefined || port === 0 ? port : port + 1;
}

/** A person can try any API here: undeclared upstreams are cached too, and loopback is allowed. */
function allInOne(flags: Flags, upstream: Upstream): ConfigOverrides {
  return {
    server: {
      port: flags.serverPort,
      adminPort: beside(flags.serverPort),
      undeclared: 'cache',
      allowPrivateAddresses: ['loopback'],
      redis: flags.redis === undefined ? undefined : { url: flags.redis },
    },
    proxy: { port: flags.proxyPort, adminPort: beside(flags.proxyPort), identity: 'all-in-one' },
    upstreams: { demo: { url: upstream.url } },
    datasets: {
      cities: {
        upstream: 'demo',
        endpoint: '/cities.json',
        // They are text in the document.
        types: { lat: 'number', lng: 'number' },
        partitionBy: { field: 'country' },
      },
    },
  };
}

await runMain(async () => {
  const flags = readFlags();
  if (flags === undefined) {
    process.stdout.write(HELP);
    return;
  }
  // Before the demo upstream takes its port, so that a mistake in the config is said first.
  const source = { path: flags.config, files: 'authorities-and-modules', checks: CONFIG_CHECKS } as const;
  loadConfig(source);
  const upstream = await startUpstream({ port: flags.upstreamPort ?? 7099, portFlag: '--upstream-port' });
  const config = loadConfig({ ...source, overrides: allInOne(flags, upstream) });
  const logger = createLogger(config.log, 'pannier');
  const ownAddresses: { host: string; port: number }[] = [];
  const server = await startCacheServer({ config, logger, ownAddresses }).catch(ownFlags('--server-port'));
  const address = `127.0.0.1:${server.port}`;
  const proxy = await startProxy({
    config: { ...config, proxy: { ...config.proxy, servers: [address] } },
    logger,
  }).catch(ownFlags('--proxy-port'));
  ownAddresses.push({ host: config.proxy.host, port: proxy.port });
  const close = async (): Promise<void> => {
    await proxy.close();
    await server.close();
    await upstream.close();
  };
  installSignals({ onDrain: close, drainMs: config.limits.drainMs + 1000, logger });
  const ports = { proxy: proxy.port, server: server.port };
  process.stdout.write(
    whatToTry({ ports, upstreamUrl: upstream.url, notice: await storeNotice(server.store) }),
  );
});
