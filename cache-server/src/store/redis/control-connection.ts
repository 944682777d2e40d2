/** The Redis for control: generations, leases, flights, tokens and jobs, none of which may be evicted. */
import type { ConnectionErrors } from './connection-errors.ts';
import { RedisConnection } from './redis-connection.ts';
import type { RedisPlace } from './redis-place.ts';

/** The part of the configuration that says where it is. */
export interface RedisControlConfig extends RedisPlace {
  keyPrefix: string;
  commandTimeoutMs: number;
  protocol: 2 | 3;
  /** Default: the same Redis as for data. */
  control?: RedisPlace | undefined;
}

/** What is needed besides. */
export interface RedisControlOptions {
  readonly errors: ConnectionErrors;
  /** Told once, with the policy, when the Redis for control may evict keys. */
  readonly onEvictingPolicy: (policy: string) => void;
}

/** How often an unanswered question for the policy is asked again, in milliseconds. */
const POLICY_RETRY_MS = 1_000;

/** Where control is. */
export function controlPlace({
  url,
  sentinel,
  cluster,
  username,
  passwordFile,
  tls,
  control,
}: RedisControlConfig): RedisPlace {
  return control ?? { url, sentinel, cluster, username, passwordFile, tls };
}

/** Opens the connection, which connects in the background, and has a look at the policy once it is there. */
export function openRedisControl(config: RedisControlConfig, options: RedisControlOptions): RedisConnection {
  const { commandTimeoutMs, protocol } = config;
  const connection = new RedisConnection({
    ...controlPlace(config),
    purpose: 'control',
    commandTimeoutMs,
    protocol,
    autoPipelining: true,
    errors: options.errors,
  });
  watchPolicy(connection, options);
  return connection;
}

/** Asks until there is an answer. INFO tells it, which managed services allow where CONFIG is forbidden. */
function watchPolicy(connection: RedisConnection, { onEvictingPolicy }: RedisControlOptions): void {
  const ask = async (): Promise<void> => {
    const infos = await connection.onMasters(
      'ask what it may evict',
      async (node) => await node.info('memory'),
    );
    const policies = infos.map((info) => /^maxmemory_policy:(\S+)/m.exec(info)?.[1]);
    const evicting = policies.find((policy) => policy !== undefined && policy !== 'noeviction');
    if (evicting !== undefined) onEvictingPolicy(evicting);
  };
  const attempt = (): void => {
    if (connection.isClosed) return;
    if (connection.isReady) ask().catch(again);
    else again();
  };
  const again = (): void => void setTimeout(attempt, POLICY_RETRY_MS).unref();
  setTimeout(attempt, 0).unref();
}
