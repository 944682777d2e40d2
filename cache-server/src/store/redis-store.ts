/** The store in Redis: shared by all replicas, outlives them, loses nothing but time when it is away. */
import type { EntryStore, FrameRelease, FrameWrite, ManifestWrite } from './entry-store.ts';
import { ConnectionErrors } from './redis/connection-errors.ts';
import type { OnConnectionError } from './redis/connection-errors.ts';
import { scanPage } from './redis/key-listing.ts';
import { RedisConnection } from './redis/redis-connection.ts';
import { RedisFrames } from './redis/redis-frames.ts';
import { RedisKeys } from './redis/redis-keys.ts';
import type { RedisPlace } from './redis/redis-place.ts';
import { ownBuffer } from './redis/reply-buffer.ts';
import { storedTtlMs } from './time-to-live.ts';

/** Settings of {@link createRedisStore}. */
export interface RedisStoreOptions extends RedisPlace {
  /** Stands before every key, so that one database can serve several installations; without braces. */
  keyPrefix: string;
  /** How long Redis may take for one round trip, in milliseconds; a call of many frames makes several. */
  commandTimeoutMs: number;
  /** Version of the Redis protocol; 3 falls back to 2 by itself where the server does not know it. */
  protocol: 2 | 3;
  /** Told of errors of the connections, at most every five seconds. */
  onError?: OnConnectionError;
}

/** A fence that is further ahead than this, in seconds, is of a clock that was wrong. */
const FENCE_AHEAD_S_MAX = 600;

/** A store that connects in the background; until it has, every call rejects. */
export function createRedisStore(options: RedisStoreOptions): RedisStore {
  return new RedisStore(options);
}

/**
 * See {@link EntryStore}. Frames travel on a connection of their own, so that a manifest never waits behind megabytes. The memory
 * of Redis is bounded by its own `maxmemory`; every key has a time to live.
 */
export class RedisStore implements EntryStore {
  readonly kind = 'redis';
  readonly #keys: RedisKeys;
  readonly #errors: ConnectionErrors;
  readonly #manifests: RedisConnection;
  readonly #bulk: RedisConnection;
  readonly #frames: RedisFrames;

  constructor(options: RedisStoreOptions) {
    this.#keys = new RedisKeys(options.keyPrefix);
    this.#errors = new ConnectionErrors(options.onError, () => performance.now());
    this.#manifests = new RedisConnection({ ...options, errors: this.#errors, autoPipelining: true });
    this.#bulk = new RedisConnection({ ...options, errors: this.#errors, autoPipelining: false });
    this.#frames = new RedisFrames(this.#bulk, this.#keys);
  }

  /** Whether Redis can be used now. */
  get isReady(): boolean {
    return this.#manifests.isReady && this.#bulk.isReady;
  }

  /** Errors of the connections since the start. */
  get connectionErrors(): number {
    return this.#errors.count;
  }

  async readManifest(key: string): Promise<Buffer | undefined> {
    const name = this.#keys.manifest(key);
    return ownBuffer(
      await this.#manifests.command('read a manifest', async (redis) => await redis.hgetBuffer(name, 'm')),
    );
  }

  /** A manifest and the milliseconds that it has left; for what keeps a copy in memory. */
  async readLastingManifest(key: string): Promise<{ bytes: Buffer; ttlMs: number } | undefined> {
    const name = this.#keys.manifest(key);
    const [reply, left] = await this.#manifests.command(
      'read a manifest',
      async (redis) => await Promise.all([redis.hgetBuffer(name, 'm'), redis.pttl(name)]),
    );
    const bytes = ownBuffer(reply);
    // Negative once it has gone between the two, or where a foreign hand has taken its time to live.
    return bytes === undefined ? undefined : { bytes, ttlMs: Math.max(1, left) };
  }

  async writeManifest(
    key: string,
    { bytes, version, ttlMs, ifVersion, ifAbsent, fence = '' }: ManifestWrite,
  ): Promise<boolean> {
    const name = this.#keys.manifest(key);
    // A copy: the client sends it at the end of this turn of the event loop, or later.
    const values = [version, Buffer.from(bytes), storedTtlMs(ttlMs)];
    const comparison = ifAbsent === true ? ['2', ''] : ifVersion === undefined ? ['0', ''] : ['1', ifVersion];
    const written = await this.#manifests.command(
      'write a manifest',
      async (redis) => await redis.writeManifest(name, ...values, ...comparison, fence, latestFenceS()),
    );
    return written === 1;
  }

  async deleteManifest(key: string, ifVersion?: string): Promise<boolean> {
    const name = this.#keys.manifest(key);
    const deleted = await this.#manifests.command('remove a manifest', async (redis) =>
      ifVersion === undefined ? await redis.unlink(name) : await redis.removeManifest(name, ifVersion),
    );
    return deleted === 1;
  }

  async readFrames(scope: string, digests: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    return await this.#frames.read(scope, digests);
  }

  async writeFrames(scope: string, frames: readonly FrameWrite[], ttlMs: number): Promise<void> {
    await this.#frames.write(scope, frames, storedTtlMs(ttlMs));
  }

  async extendFrames(scope: string, digests: readonly Uint8Array[], ttlMs: number): Promise<boolean[]> {
    return await this.#frames.extend(scope, digests, storedTtlMs(ttlMs));
  }

  async deleteFrames(scope: string, digests: readonly Uint8Array[]): Promise<void> {
    await this.#frames.delete(scope, digests);
  }

  async releaseFrames(scope: string, digests: readonly Uint8Array[], release: FrameRelease): Promise<void> {
    await this.#frames.release(scope, digests, release);
  }

  /** For operators only: walks over every name in the database, so a page costs more the fewer of them are manifests. */
  async listKeys(page: {
    contains: string;
    cursor: string;
    limit: number;
  }): Promise<{ keys: string[]; cursor: string }> {
    const pattern = this.#keys.manifestPattern(page.contains);
    const { names, cursor } = await scanPage(
      async (from, count) =>
        await this.#manifests.scan('list what is stored', from, { match: pattern, count }),
      page,
    );
    return { keys: names.map((name) => this.#keys.manifestKey(name)), cursor };
  }

  /** Bytes that Redis uses in all masters. It counts keys, not entries: those it cannot tell without a walk over all names. */
  async stats(): Promise<{ bytes?: number }> {
    const infos = await this.#manifests.onMasters(
      'ask how much is stored',
      async (redis) => await redis.info('memory'),
    );
    const bytes = infos.map((info) => /^used_memory:(\d+)/m.exec(info)?.[1]);
    if (bytes.includes(undefined)) return {};
    return { bytes: bytes.reduce((sum, one) => sum + Number(one), 0) };
  }

  async close(): Promise<void> {
    await Promise.all([this.#manifests.close(), this.#bulk.close()]);
  }
}

function latestFenceS(): number {
  return Math.floor(Date.now() / 1000) + FENCE_AHEAD_S_MAX;
}
