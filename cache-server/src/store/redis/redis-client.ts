/** The client library with our policy: fail fast, queue nothing while Redis is away, try again for ever at a bounded pace. */
import { Cluster, Redis } from 'ioredis';
import type { RedisCommander, RedisOptions } from 'ioredis';
import { redisTarget } from './redis-place.ts';
import type { RedisPlace } from './redis-place.ts';
import { redisScripts } from './redis-scripts.ts';

/** Settings of {@link openClient}. */
export interface RedisClientOptions extends RedisPlace {
  /** How long Redis may be silent while something is asked of it, in milliseconds. */
  commandTimeoutMs: number;
  /** Version of the Redis protocol. */
  protocol: 2 | 3;
  /** Whether commands of one turn of the event loop go out as one write; a cluster does without. */
  autoPipelining: boolean;
}

/** A single Redis, the master under sentinels, or a cluster. */
export type RedisClient = Redis | Cluster;
/** The commands that all of them know; in a cluster those with a key go to its node. */
export type RedisCommands = RedisCommander;

/** First, longest and most random part of the pause before another attempt to connect, in milliseconds. */
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;
const RECONNECT_JITTER = 0.2;
/** Longest wait for a TCP or TLS connection, for the loading of a data set between two looks at it, and for a goodbye. */
const CONNECT_TIMEOUT_MS = 2_000;
const LOADING_POLL_MS = 1_000;
export const GOODBYE_TIMEOUT_MS = 500;
/** Shortest time between two reconnections because of a replica that refuses writes. */
const READONLY_RECONNECT_MS = 3_000;
/** How often a command of a cluster goes to another node, or to one that is expected back, 100 ms later each time. */
const REDIRECTIONS_MAX = 6;
const REDIRECTION_PAUSE_MS = 100;
/** How often the client looks who has which slots, in milliseconds; a MOVED makes it look at once. */
const SLOTS_REFRESH_MS = 2_000;

/** The pause before an attempt to connect, counted from 1; without an end, so that Redis is found again whenever it returns. */
export function reconnectDelayMs(attempt: number, random = Math.random()): number {
  const delayMs = Math.min(RECONNECT_FIRST_MS * 2 ** (attempt - 1), RECONNECT_MAX_MS);
  return Math.round(delayMs * (1 - RECONNECT_JITTER * random));
}

/** Opens a client, which connects in the background. */
export function openClient(options: RedisClientOptions): RedisClient {
  const { nodes, options: where } = redisTarget(options);
  const policy = { ...connectionPolicy(options), ...where };
  const retryStrategy = (attempt: number): number => reconnectDelayMs(attempt);
  if (nodes === undefined) {
    return new Redis({
      ...policy,
      retryStrategy,
      // Without it the client would end for ever once no sentinel names a master that answers.
      sentinelRetryStrategy: retryStrategy,
      enableOfflineQueue: false,
      enableAutoPipelining: options.autoPipelining,
      scripts: redisScripts,
    });
  }
  return new Cluster(nodes, {
    redisOptions: policy,
    scripts: redisScripts,
    enableOfflineQueue: false,
    // A pipeline is refused as a whole when one of its slots has moved; commands by themselves follow theirs.
    enableAutoPipelining: false,
    clusterRetryStrategy: retryStrategy,
    maxRedirections: REDIRECTIONS_MAX,
    retryDelayOnFailover: REDIRECTION_PAUSE_MS,
    retryDelayOnClusterDown: REDIRECTION_PAUSE_MS,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    slotsRefreshTimeout: options.commandTimeoutMs,
    // Names stay names, so that a certificate is checked against them.
    dnsLookup: (address, callback) => callback(null, address),
  });
}

function connectionPolicy(options: RedisClientOptions): Omit<RedisOptions, 'replyMapping' | 'retryStrategy'> {
  let readOnlySinceMs = -Infinity;
  return {
    protocol: options.protocol,
    // While Redis is away, calls fail at once: the server has memory and upstreams to answer from.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // Whoever subscribes does it anew after each break.
    autoResubscribe: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: GOODBYE_TIMEOUT_MS,
    // A connection that is silent for a whole deadline, be it in its handshake, is given up with all that waits on it: a
    // Redis that is paused collects no commands, those after it fail at once. The deadline of each call is our own.
    socketTimeout: options.commandTimeoutMs,
    sentinelCommandTimeout: options.commandTimeoutMs,
    maxLoadingRetryTime: LOADING_POLL_MS,
    // After a failover the same name may lead to another server, and this connection stays with the one that was demoted.
    reconnectOnError: (error) => {
      const due = performance.now() - readOnlySinceMs >= READONLY_RECONNECT_MS;
      if (!due || !error.message.startsWith('READONLY')) return false;
      readOnlySinceMs = performance.now();
      return true;
    },
  };
}
