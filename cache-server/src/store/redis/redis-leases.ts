/** A `LeaseStore` in the Redis for control: whoever can reach it agrees on who asks an upstream. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isRefusal } from '../../errors.ts';
import type { RedisConnection } from './redis-connection.ts';
import { ownBuffer } from './reply-buffer.ts';

/** Settings of {@link RedisLeases}. */
export interface RedisLeasesOptions {
  readonly control: Pick<RedisConnection, 'command' | 'subscribe'>;
  readonly keyPrefix: string;
  /** How long a lease lasts, and records behind the last one, and behind the end of their lease, in milliseconds. */
  readonly leaseMs: number;
  readonly recordsMs: number;
  readonly releasedMs: number;
}

type Take =
  | { readonly kind: 'taken'; readonly token: string }
  | { readonly kind: 'held'; readonly token: string; readonly isAnswered: boolean };

interface Page {
  readonly records: readonly { readonly id: string; readonly bytes: Buffer }[];
  readonly holder: string | undefined;
}

/** In each name, so that servers of another version do not misread it. */
const FORMAT_VERSION = 1;
/** Between attempts to give up what may have been taken; a Redis that hung does late what it was told before. */
const FORGO_PAUSES_MS = [100, 200, 400, 800, 1600, 3200, 6400];

/** See `lease/lease-store.ts`. */
export class RedisLeases {
  readonly #options: RedisLeasesOptions;
  readonly #start: string;

  constructor(options: RedisLeasesOptions) {
    this.#options = options;
    this.#start = `${options.keyPrefix}:${FORMAT_VERSION}`;
  }

  async take(name: string): Promise<Take> {
    const { control, leaseMs } = this.#options;
    const random = randomUUID();
    let isSent = false;
    try {
      const [taken, token, isAnswered] = await control.command('take the lease of a fetch', async (redis) => {
        isSent = true;
        return await redis.takeLease(this.#lease(name), random, leaseMs);
      });
      return taken === 1 ? { kind: 'taken', token } : { kind: 'held', token, isAnswered: isAnswered === 1 };
    } catch (error) {
      if (isSent && !isRefusal(error)) void this.#forgo(name, random);
      throw error;
    }
  }

  async renew(name: string, token: string): Promise<boolean> {
    const { control, leaseMs } = this.#options;
    const renewed = await control.command(
      'renew the lease of a fetch',
      async (redis) => await redis.renewLease(this.#lease(name), token, leaseMs),
    );
    return renewed === 1;
  }

  async release(name: string, token: string): Promise<void> {
    const { control, releasedMs } = this.#options;
    const keys = [this.#lease(name), this.#records(name, token)] as const;
    await control.command(
      'release the lease of a fetch',
      async (redis) => await redis.releaseLease(...keys, token, this.#channel(name), releasedMs),
    );
  }

  async append(
    name: string,
    token: string,
    { records, isAnswered }: { records: readonly Uint8Array[]; isAnswered: boolean },
  ): Promise<boolean> {
    const { control, leaseMs, recordsMs } = this.#options;
    // Copies: the client sends them at the end of this turn of the event loop, or later.
    const copies = records.map((record) => Buffer.from(record));
    const args = [token, leaseMs, recordsMs, isAnswered ? 1 : 0, this.#channel(name), ...copies];
    const appended = await control.command(
      'tell other servers of a fetch',
      async (redis) => await redis.appendRecords(this.#lease(name), this.#records(name, token), ...args),
    );
    return appended === 1;
  }

  async read(
    name: string,
    token: string,
    { after, countMax }: { after: string; countMax: number },
  ): Promise<Page> {
    const from = after === '' ? '-' : `(${after}`;
    const [holder, ...told] = await this.#options.control.command(
      'follow the fetch of another server',
      async (redis) =>
        await redis.readRecordsBuffer(this.#lease(name), this.#records(name, token), from, countMax),
    );
    const records: { id: string; bytes: Buffer }[] = [];
    for (let at = 0; at + 1 < told.length; at += 2) {
      const bytes = ownBuffer(told[at + 1]);
      if (bytes !== undefined) records.push({ id: String(told[at]), bytes });
    }
    const text = holder?.toString('latin1') ?? '';
    return { records, holder: text === '' ? undefined : text };
  }

  onNews(name: string, listener: () => void): () => void {
    return this.#options.control.subscribe(this.#channel(name), listener);
  }

  /** Everybody else would wait for the end of a lease that was taken for nobody. Never rejects. */
  async #forgo(name: string, random: string): Promise<void> {
    for (const pauseMs of FORGO_PAUSES_MS) {
      try {
        // On the same connection it comes after the take; on the next one, mostly.
        await this.#options.control.command(
          'give up the lease of a fetch',
          async (redis) => await redis.forgoLease(this.#lease(name), random, this.#channel(name)),
        );
        return;
      } catch (error) {
        // The connection tells of its errors.
        if (isRefusal(error)) return;
        await delay(pauseMs, undefined, { ref: false });
      }
    }
  }

  /** The braces are a hash tag of Redis Cluster: a script may touch keys of one slot only. */
  #lease(name: string): string {
    return `${this.#start}:lease:{${name}}`;
  }

  #records(name: string, token: string): string {
    return `${this.#start}:flight:{${name}}:${token}`;
  }

  #channel(name: string): string {
    return `${this.#start}:news:{${name}}`;
  }
}
