/** What the servers of one cluster share over the Redis for control. */
import type { Config, Logger } from '@pannier/runtime';
import { systemClock } from './clock.ts';
import type { InvalidationLog } from './generation/invalidation-log.ts';
import type { UseLedger } from './janitor/use-ledger.ts';
import { LEASE_MS, RECORDS_MS, RELEASED_MS } from './lease/lease-store.ts';
import type { LeaseStore } from './lease/lease-store.ts';
import { ConnectionErrors } from './store/redis/connection-errors.ts';
import { openRedisControl } from './store/redis/control-connection.ts';
import type { RedisConnection } from './store/redis/redis-connection.ts';
import { RedisInvalidationLog } from './store/redis/redis-invalidation-log.ts';
import { RedisLeases } from './store/redis/redis-leases.ts';
import { RedisRefreshClaims } from './store/redis/redis-refresh-claims.ts';
import { RedisUpstreamSlots } from './store/redis/redis-upstream-slots.ts';
import { RedisUseLedger } from './store/redis/redis-use-ledger.ts';
import type { RefreshClaims } from './refresh/refresh-claims.ts';
import { REPORT_LEASE_MS, SERVER_SEEN_MS } from './upstream/protection/protection-share.ts';
import type { ProtectionShare } from './upstream/protection/protection-share.ts';

/** See the head of this file. */
export interface ClusterControl {
  readonly connection: RedisConnection;
  readonly protectionShare: ProtectionShare;
  readonly refreshClaims: RefreshClaims;
  readonly invalidationLog: InvalidationLog;
  readonly useLedger: UseLedger;
  readonly leases: LeaseStore;
  close(): Promise<void>;
}

/** Connects in the background; undefined for a server with the embedded store, which is alone. */
export function openClusterControl(
  { server }: Config,
  logger: Pick<Logger, 'warn'>,
): ClusterControl | undefined {
  if (server.redis === undefined) return undefined;
  const onError = (err: Error, count: number): void =>
    logger.warn({ err, count }, 'the Redis for control does not answer');
  const connection = openRedisControl(server.redis, {
    errors: new ConnectionErrors(onError, () => performance.now()),
    onEvictingPolicy: (policy) =>
      logger.warn({ policy }, 'the Redis for control may evict keys: set its maxmemory-policy to noeviction'),
  });
  const { keyPrefix } = server.redis;
  return {
    connection,
    invalidationLog: new RedisInvalidationLog({
      control: connection,
      keyPrefix,
      clock: systemClock,
      random: Math.random,
    }),
    refreshClaims: new RedisRefreshClaims(connection, keyPrefix),
    protectionShare: new RedisUpstreamSlots({
      control: connection,
      keyPrefix,
      reportLeaseMs: REPORT_LEASE_MS,
      serverSeenMs: SERVER_SEEN_MS,
    }),
    leases: new RedisLeases({
      control: connection,
      keyPrefix,
      leaseMs: LEASE_MS,
      recordsMs: RECORDS_MS,
      releasedMs: RELEASED_MS,
    }),
    useLedger: new RedisUseLedger({ control: connection, keyPrefix }),
    close: async () => await connection.close(),
  };
}
