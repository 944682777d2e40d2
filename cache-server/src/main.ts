/** The cache server as a process: `npm run cache-server -- --config pannier.yaml`. */
import { parseArgs } from 'node:util';
import {
  ConfigError,
  createLogger,
  installSignals,
  loadConfig,
  portFlag,
  runMain,
  watchConfig,
} from '@pannier/runtime';
import type { ConfigOverrides, Logger, WatchedSource } from '@pannier/runtime';
import { CONFIG_CHECKS } from './config-checks.ts';
import { startCacheServer } from './start-cache-server.ts';

const HELP = `Usage: npm run cache-server -- [--config FILE] [--host H] [--port N] [--admin-port N] [--redis URL]
                            [--role both|server|worker]

  --config FILE     configuration (YAML); every key is also a PANNIER_… variable
  --host, --port    where to listen for gRPC (127.0.0.1, 7070)
  --admin-port      /livez, /readyz and /metrics (7071)
  --redis URL       keep entries in this Redis instead of in memory
  --role ROLE       server answers callers, worker runs jobs of Warm (both)
`;

const ROLES = ['both', 'server', 'worker'] as const;

function roleFlag(text: string | undefined): (typeof ROLES)[number] | undefined {
  const role = ROLES.find((one) => one === text);
  if (role !== undefined || text === undefined) return role;
  throw new ConfigError(`--role ${text}: want ${ROLES.join(', ')}`);
}

function readFlags(): { path: string | undefined; overrides: ConfigOverrides; help: boolean } {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      'admin-port': { type: 'string' },
      redis: { type: 'string' },
      role: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const server = {
    host: values.host,
    port: portFlag('--port', values.port),
    adminPort: portFlag('--admin-port', values['admin-port']),
    role: roleFlag(values.role),
    redis: values.redis === undefined ? undefined : { url: values.redis },
  };
  return { path: values.config, overrides: { server }, help: values.help };
}

/** What is read at start only is named when it changes, so that nobody waits for an effect that never comes. */
function watch(source: WatchedSource, logger: Logger): void {
  watchConfig(
    source,
    (config) => {
      logger.level = config.log.level;
      logger.warn('the config changed: log.level is in force now, the rest needs a restart');
    },
    (error) => logger.error(`the changed config is refused, the old one stays: ${error.message}`),
  );
}

await runMain(async () => {
  const { path, overrides, help } = readFlags();
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  const source = { overrides, files: 'authorities-and-modules', checks: CONFIG_CHECKS } as const;
  const config = loadConfig({ path, ...source });
  const logger = createLogger(config.log, 'cache-server');
  const server = await startCacheServer({ config, logger });
  installSignals({
    onDrain: async () => await server.close(),
    drainMs: config.limits.drainMs + 1000,
    logger,
  });
  if (path !== undefined) watch({ path, current: config, ...source }, logger);
  if (config.server.auth === 'none') {
    logger.warn('auth is none: callers are believed to be who they say they are; for a trusted network only');
  }
  const { host, adminHost, role } = config.server;
  logger.info(
    {
      ...(role === 'worker' ? {} : { grpc: `${host}:${server.port}` }),
      admin: `${adminHost}:${server.adminPort}`,
      store: server.store.kind,
      role,
    },
    'listening',
  );
});
