/** The connection that jobs wait on. Their library makes another one from it, for commands that block. */
import { Cluster, Redis } from 'ioredis';
import { controlPlace } from './control-connection.ts';
import type { RedisControlConfig } from './control-connection.ts';
import { reconnectDelayMs } from './redis-client.ts';
import type { RedisClient } from './redis-client.ts';
import { redisTarget } from './redis-place.ts';

/** A client for the job library, and what its keys begin with. */
export interface JobConnection {
  readonly client: RedisClient;
  readonly prefix: string;
}

/** Connects to the Redis for control, in the background. Whoever gets the client closes it. */
export function jobConnection(config: RedisControlConfig): JobConnection {
  const { nodes, options } = redisTarget(controlPlace(config));
  const retryStrategy = (attempt: number): number => reconnectDelayMs(attempt);
  const asked = {
    ...options,
    protocol: config.protocol,
    // What the library asks of it; calls have deadlines of their own.
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: false,
  };
  const client =
    nodes === undefined
      ? new Redis({
          ...asked,
          enableOfflineQueue: false,
          retryStrategy,
          sentinelRetryStrategy: retryStrategy,
        })
      : new Cluster(nodes, {
          redisOptions: asked,
          enableOfflineQueue: false,
          clusterRetryStrategy: retryStrategy,
          dnsLookup: (address, callback) => callback(null, address),
        });
  // One slot of a cluster, since its scripts touch several keys.
  return { client, prefix: `{${config.keyPrefix}:1:jobs}` };
}
