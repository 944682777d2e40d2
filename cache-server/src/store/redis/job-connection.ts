/** The connection that jobs wait on. Their library makes another one from it, for commands that block. */
import { Redis } from 'ioredis';
import type { RedisConnectionOptions } from './redis-connection.ts';
import { reconnectDelayMs } from './redis-connection.ts';

/** A client for the job library, and what its keys begin with. */
export interface JobConnection {
  readonly client: Redis;
  readonly prefix: string;
}

/** Connects in the background. Whoever gets the client closes it. */
export function jobConnection({
  url,
  keyPrefix,
  protocol,
}: Pick<RedisConnectionOptions, 'url' | 'protocol'> & { keyPrefix: string }): JobConnection {
  const client = new Redis(url, {
    protocol,
    enableOfflineQueue: false,
    // What the library asks of it; calls have deadlines of their own.
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt) => reconnectDelayMs(attempt),
  });
  // One slot of a cluster, since its scripts touch several keys.
  return { client, prefix: `{${keyPrefix}:1:jobs}` };
}
