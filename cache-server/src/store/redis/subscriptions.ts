/** Channels that are listened to, on a connection of their own; subscribed anew whenever it is back. */
import type { EventEmitter } from 'node:events';
import { Cluster } from 'ioredis';
import type { RedisClient } from './redis-client.ts';

/** Told of each message; what is published while the connection is away is lost. */
export type MessageListener = (message: string) => void;

/** What is needed besides the client. */
export interface SubscriptionsOptions {
  /** Opens a connection for nothing else. */
  readonly open: () => RedisClient;
  readonly onError: (error: unknown) => void;
}

/** Pause before another attempt to subscribe, in milliseconds. */
const RETRY_MS = 500;

/** See the head of this file. The connection is opened with the first subscription. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #listeners = new Map<string, Set<MessageListener>>();
  #client: RedisClient | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** @returns ends it */
  add(channel: string, listener: MessageListener): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    const isNew = listeners.size === 0;
    listeners.add(listener);
    this.#listeners.set(channel, listeners);
    if (isNew) this.#subscribe([channel]);
    return () => {
      listeners.delete(listener);
      if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return;
      this.#listeners.delete(channel);
      if (this.#client?.status === 'ready')
        this.#client.unsubscribe(channel).catch((error: unknown) => this.#options.onError(error));
    };
  }

  /** Ends the connection. */
  close(): void {
    clearTimeout(this.#retry);
    this.#listeners.clear();
    this.#client?.disconnect();
  }

  #subscribe(channels: readonly string[]): void {
    const client = (this.#client ??= this.#open());
    if (client.status !== 'ready' || channels.length === 0) return;
    client.subscribe(...channels).catch((error: unknown) => {
      this.#options.onError(error);
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => this.#subscribe([...this.#listeners.keys()]), RETRY_MS).unref();
    });
  }

  #open(): RedisClient {
    const client = this.#options.open();
    const events: EventEmitter = client;
    events.on('error', (error: unknown) => this.#options.onError(error));
    events.on('ready', () => this.#subscribe([...this.#listeners.keys()]));
    events.on('message', (channel: string, message: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(message);
    });
    // A cluster's client keeps a connection for subscriptions by itself, and takes another node when that one dies.
    if (client instanceof Cluster) events.on('node error', (error: unknown) => this.#options.onError(error));
    return client;
  }
}
