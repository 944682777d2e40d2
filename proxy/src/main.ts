/** The sidecar proxy as a process: `npm run proxy -- --config pannier.yaml`. */
import { parseArgs } from 'node:util';
import { createLogger, installSignals, loadConfig, portFlag, runMain } from '@pannier/runtime';
import type { ConfigOverrides } from '@pannier/runtime';
import { startProxy } from './start-proxy.ts';

const HELP = `Usage: npm run proxy -- [--config FILE] [--host H] [--port N] [--admin-port N] [--server HOST:PORT]...

  --config FILE     configuration (YAML); every key is also a PANNIER_… variable
  --host, --port    where to listen as an HTTP proxy (127.0.0.1, 7080)
  --admin-port      /livez, /readyz and /metrics (7081)
  --server          a cache server, or dns:///name:port; may be repeated
`;

function readFlags(): { path: string | undefined; overrides: ConfigOverrides; help: boolean } {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      'admin-port': { type: 'string' },
      server: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const proxy = {
    host: values.host,
    port: portFlag('--port', values.port),
    adminPort: portFlag('--admin-port', values['admin-port']),
    servers: values.server,
  };
  return { path: values.config, overrides: { proxy }, help: values.help };
}

await runMain(async () => {
  const { path, overrides, help } = readFlags();
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  const config = loadConfig({ path, overrides });
  const logger = createLogger(config.log, 'proxy');
  const proxy = await startProxy({ config, logger });
  installSignals({ onDrain: async () => await proxy.close(), drainMs: config.limits.drainMs + 1000, logger });
  const { host, adminHost, servers } = config.proxy;
  logger.info(
    { http: `${host}:${proxy.port}`, admin: `${adminHost}:${proxy.adminPort}`, servers },
    'listening',
  );
});
