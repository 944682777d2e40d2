/** One connection to Redis: fails fast, never queues while it is away, comes back by itself. */
import { Redis } from 'ioredis';
import type { ChainableCommander, RedisOptions } from 'ioredis';
import { CacheServerError } from '../../errors.ts';
import type { ConnectionErrors } from './connection-errors.ts';
import { redisScripts } from './redis-scripts.ts';

/** Settings of a {@link RedisConnection}. */
export interface RedisConnectionOptions {
  url: string;
  /** How long Redis may take for one round trip, in milliseconds. */
  commandTimeoutMs: number;
  /** Version of the Redis protocol. */
  protocol: 2 | 3;
  /** Whether commands of one turn of the event loop go out as one write. */
  autoPipelining: boolean;
  errors: ConnectionErrors;
}

/** First, longest and most random part of the pause before another attempt to connect, in milliseconds. */
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;
const RECONNECT_JITTER = 0.2;
/** Longest wait for a TCP or TLS connection, for the loading of a data set between two looks at it, and for a goodbye. */
const CONNECT_TIMEOUT_MS = 2_000;
const LOADING_POLL_MS = 1_000;
const GOODBYE_TIMEOUT_MS = 500;
/** Shortest time between two reconnections because of a replica that refuses writes. */
const READONLY_RECONNECT_MS = 3_000;

/** The pause before an attempt to connect, counted from 1; without an end, so that Redis is found again whenever it returns. */
export function reconnectDelayMs(attempt: number, random = Math.random()): number {
  const delayMs = Math.min(RECONNECT_FIRST_MS * 2 ** (attempt - 1), RECONNECT_MAX_MS);
  return Math.round(delayMs * (1 - RECONNECT_JITTER * random));
}

/** See the head of this file. Made at once; {@link RedisConnection.isReady} tells when it can be used. */
export class RedisConnection {
  readonly #client: Redis;
  readonly #timeoutMs: number;
  readonly #errors: ConnectionErrors;
  #closed = false;

  constructor(options: RedisConnectionOptions) {
    this.#timeoutMs = options.commandTimeoutMs;
    this.#errors = options.errors;
    this.#client = new Redis(options.url, clientOptions(options));
    this.#client.on('error', (error: Error) => this.#errors.note(error));
    this.#client.on('ready', () => this.#errors.forget());
  }

  /** Whether Redis is connected and has loaded its data. */
  get isReady(): boolean {
    return this.#client.status === 'ready';
  }

  /**
   * One command, and its reply within the deadline.
   *
   * @param what names the call in the error.
   * @throws CacheServerError `store`
   */
  async command<T>(what: string, send: (client: Redis) => Promise<T>): Promise<T> {
    if (!this.isReady) throw this.#awayError(what);
    try {
      return await this.#withinDeadline(what, send(this.#client));
    } catch (error) {
      throw storeError(what, error);
    }
  }

  /**
   * Several commands in one write, and their replies in order within the deadline; an error among them fails them all. What
   * they carry has been copied when this returns its promise.
   */
  async pipeline(what: string, fill: (pipeline: ChainableCommander) => void): Promise<unknown[]> {
    const replies = await this.command(what, async (client) => {
      const pipeline = client.pipeline();
      fill(pipeline);
      return await pipeline.exec();
    });
    return (replies ?? []).map(([error, reply]) => {
      if (error !== null) throw storeError(what, error);
      return reply;
    });
  }

  /** Ends the connection; commands under way are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    const ended = new Promise<void>((resolve) => {
      this.#client.once('end', () => resolve());
    });
    const { status } = this.#client;
    this.#client.disconnect();
    // Between two attempts there is no socket that could end.
    if (status === 'reconnecting' || status === 'end') return;
    await ended;
  }

  #awayError(what: string): CacheServerError {
    if (this.#closed) return new CacheServerError('store', `${what}: the Redis store is closed`);
    const cause = this.#errors.last;
    const reason = cause === undefined ? '' : `: ${cause.message}`;
    const message = `${what}: Redis is not ready (${this.#client.status})${reason}`;
    return new CacheServerError('store', message, { cause });
  }

  async #withinDeadline<T>(what: string, reply: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const message = `${what}: no answer from Redis within ${this.#timeoutMs} ms`;
      timer = setTimeout(() => reject(new CacheServerError('store', message)), this.#timeoutMs);
    });
    try {
      return await Promise.race([reply, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function clientOptions(options: RedisConnectionOptions): Omit<RedisOptions, 'replyMapping'> {
  let readOnlySinceMs = -Infinity;
  return {
    protocol: options.protocol,
    scripts: redisScripts,
    enableAutoPipelining: options.autoPipelining,
    // While Redis is away, calls fail at once: the server has memory and upstreams to answer from.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempt) => reconnectDelayMs(attempt),
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: GOODBYE_TIMEOUT_MS,
    // A connection that is silent for a whole deadline, be it in its handshake, is given up with all that waits on it: a
    // Redis that is paused collects no commands, those after it fail at once. The deadline of each call is our own.
    socketTimeout: options.commandTimeoutMs,
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

/** The error of a reply or of the connection. What was sent is cut from the cause: it may be megabytes, and none of a log's business. */
function storeError(what: string, error: unknown): CacheServerError {
  if (error instanceof CacheServerError) return error;
  if (!(error instanceof Error)) return new CacheServerError('store', `${what}: ${String(error)}`);
  if ('command' in error) delete error.command;
  return new CacheServerError('store', `${what}: ${plainMessage(error)}`, { cause: error });
}

function plainMessage(error: Error): string {
  return error.name === 'MaxRetriesPerRequestError' ? 'the connection to Redis was lost' : error.message;
}
