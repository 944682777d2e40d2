/** One way to Redis, be it a single server, the master under sentinels or a cluster: fails fast, never queues while it is away, comes back by itself. */
import type { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import type { ChainableCommander, Redis } from 'ioredis';
import { bareError } from '../../bare-error.ts';
import { CacheServerError } from '../../errors.ts';
import { recordCalls, sendCalls } from './cluster-calls.ts';
import type { ConnectionErrors } from './connection-errors.ts';
import { scanNodes } from './node-scan.ts';
import { GOODBYE_TIMEOUT_MS, openClient } from './redis-client.ts';
import type { RedisClient, RedisClientOptions, RedisCommands } from './redis-client.ts';
import { Subscriptions } from './subscriptions.ts';
import type { MessageListener } from './subscriptions.ts';

/** Settings of a {@link RedisConnection}. */
export interface RedisConnectionOptions extends RedisClientOptions {
  errors: ConnectionErrors;
  /** What it is there for, as errors say it; `data` by default. */
  purpose?: 'data' | 'control';
}

/** See the head of this file. Made at once; {@link RedisConnection.isReady} tells when it can be used. */
export class RedisConnection {
  readonly #client: RedisClient;
  readonly #timeoutMs: number;
  /** As in "the Redis for data". */
  readonly #name: string;
  readonly #errors: ConnectionErrors;
  readonly #subscriptions: Subscriptions;
  #closed = false;

  constructor(options: RedisConnectionOptions) {
    this.#timeoutMs = options.commandTimeoutMs;
    this.#name = `the Redis for ${options.purpose ?? 'data'}`;
    this.#errors = options.errors;
    this.#client = openClient(options);
    const events: EventEmitter = this.#client;
    for (const event of ['error', 'node error'])
      events.on(event, (error: Error & { lastNodeError?: Error }) =>
        this.#errors.note(error.lastNodeError ?? error),
      );
    events.on('ready', () => this.#errors.forget());
    this.#subscriptions = new Subscriptions({
      open: () => openClient({ ...options, autoPipelining: false }),
      onError: (error) => this.#errors.note(error),
    });
  }

  /** Whether Redis is connected and has loaded its data; of a cluster, whether it is known who has which keys. */
  get isReady(): boolean {
    return this.#client.status === 'ready';
  }

  /** Whether it was closed, for good. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether Redis, of a cluster every master, answers now: it is asked, within the deadline. */
  async answers(): Promise<boolean> {
    return await this.onMasters('reach it', async (node) => await node.ping()).then(
      () => true,
      () => false,
    );
  }

  /**
   * One command, and its reply within the deadline.
   *
   * @param what says in the error what could not be done, behind "cannot"
   * @throws CacheServerError `store`
   */
  async command<T>(what: string, send: (client: RedisCommands) => Promise<T>): Promise<T> {
    return await this.#send(what, async () => await send(this.#client));
  }

  /**
   * Several commands in one write, and their replies in order within the deadline; an error among them fails them all. What
   * they carry has been copied when this returns its promise. In a cluster each goes to the node of its key.
   */
  async pipeline(what: string, fill: (pipeline: ChainableCommander) => void): Promise<unknown[]> {
    const client = this.#client;
    if (client instanceof Cluster) {
      const calls = recordCalls(fill);
      return await this.#send(what, async () => await sendCalls(client, calls));
    }
    const replies = await this.#send(what, async () => {
      const pipeline = client.pipeline();
      fill(pipeline);
      return await pipeline.exec();
    });
    return (replies ?? []).map(([error, reply]) => {
      if (error !== null) throw this.#storeError(what, error);
      return reply;
    });
  }

  /** One command for each master, which knows its own keys only; a single Redis is the one there is. */
  async onMasters<T>(what: string, send: (node: RedisCommands) => Promise<T>): Promise<T[]> {
    return await this.#send(what, async () => await Promise.all(this.#masters().map(send)));
  }

  /** A step of a walk over the names of all masters; the cursor is '0' at first and at the end. */
  async scan(
    what: string,
    cursor: string,
    { match, count }: { match: string; count: number },
  ): Promise<[cursor: string, names: string[]]> {
    const nodes = (): Parameters<typeof scanNodes>[0] =>
      this.#masters().map((node) => ({
        name: this.#client instanceof Cluster ? `${node.options.host}:${node.options.port}` : '',
        scan: async (from) => await node.scan(from, 'MATCH', match, 'COUNT', count),
      }));
    return await this.#send(what, async () => await scanNodes(nodes(), cursor));
  }

  /**
   * Listens to a channel, on a connection for nothing else. Messages that are published while Redis is away, or before it has been told, are
   * lost: they are good for waking up whoever would look anyway.
   *
   * @returns ends it
   */
  subscribe(channel: string, listener: MessageListener): () => void {
    return this.#subscriptions.add(channel, listener);
  }

  /** Ends the connection; commands under way are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#subscriptions.close();
    // Not by `once` of node:events, which rejects when the connection has an error before: one to a Redis that hangs has.
    const ended = Promise.withResolvers<void>();
    const events: EventEmitter = this.#client;
    events.once('end', () => ended.resolve());
    const { status } = this.#client;
    this.#client.disconnect();
    // Between two attempts there is no socket that could end.
    if (status === 'reconnecting' || status === 'end') return;
    await Promise.race([ended.promise, delay(2 * GOODBYE_TIMEOUT_MS, undefined, { ref: false })]);
  }

  #masters(): Redis[] {
    const client = this.#client;
    return client instanceof Cluster ? client.nodes('master') : [client];
  }

  async #send<T>(what: string, send: () => Promise<T>): Promise<T> {
    if (!this.isReady) throw this.#awayError(what);
    try {
      return await this.#withinDeadline(what, send());
    } catch (error) {
      throw this.#storeError(what, error);
    }
  }

  #awayError(what: string): CacheServerError {
    const failed = `cannot ${what}: ${this.#name}`;
    if (this.#closed) return new CacheServerError('store', `${failed} was left, since this server ends`);
    const cause = this.#errors.last;
    const reason = cause === undefined ? '' : `: ${cause.message}`;
    const message = `${failed} does not answer (${this.#client.status})${reason}`;
    return new CacheServerError('store', message, { cause });
  }

  /** The error of a reply or of the connection. */
  #storeError(what: string, error: unknown): CacheServerError {
    if (error instanceof CacheServerError) return error;
    const cause = bareError(error);
    const message = `cannot ${what}: ${this.#name}: ${plainMessage(cause)}`;
    return new CacheServerError('store', message, { cause });
  }

  async #withinDeadline<T>(what: string, reply: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const message = `cannot ${what}: no answer from ${this.#name} within ${this.#timeoutMs} ms`;
      timer = setTimeout(() => reject(new CacheServerError('store', message)), this.#timeoutMs);
    });
    try {
      return await Promise.race([reply, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function plainMessage(error: Error): string {
  return error.name === 'MaxRetriesPerRequestError' ? 'the connection was lost' : error.message;
}
