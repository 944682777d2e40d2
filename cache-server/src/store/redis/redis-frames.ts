/** Frames in Redis: plain values, in pipelines of bounded size. */
import { CacheServerError } from '../../errors.ts';
import type { FrameRelease, FrameWrite } from '../entry-store.ts';
import { storedTtlMs } from '../time-to-live.ts';
import { batchesOf } from './batches.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { RedisKeys } from './redis-keys.ts';
import { ownBuffer } from './reply-buffer.ts';

/** Most frames in one pipeline that reads them: their size is not known before. */
const READ_FRAMES_MAX = 32;
const EXTEND_FRAMES_MAX = 1_000;
/** Most that is on the way to Redis at a time; larger than this only when one frame alone is. */
const WRITE_FRAMES_MAX = 500;
const WRITE_BYTES_MAX = 4 * 1024 * 1024;
/** How often a batch is looked at again because a frame came or went between two steps. */
const WRITE_ROUNDS_MAX = 4;

/** Frames under one prefix. */
export class RedisFrames {
  readonly #connection: RedisConnection;
  readonly #keys: RedisKeys;
  #lastWrite: Promise<unknown> = Promise.resolve();

  constructor(connection: RedisConnection, keys: RedisKeys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  async read(scope: string, digests: readonly Uint8Array[]): Promise<(Buffer | undefined)[]> {
    const frames: (Buffer | undefined)[] = [];
    for (const batch of batchesOf(digests, itemsOnly(READ_FRAMES_MAX))) {
      const replies = await this.#connection.pipeline('read partitions', (pipeline) => {
        for (const digest of batch) pipeline.getBuffer(this.#keys.frame(scope, digest));
      });
      frames.push(...replies.map(ownBuffer));
    }
    return frames;
  }

  async extend(scope: string, digests: readonly Uint8Array[], ttlMs: number): Promise<boolean[]> {
    const found: boolean[] = [];
    for (const batch of batchesOf(digests, itemsOnly(EXTEND_FRAMES_MAX))) {
      const replies = await this.#connection.pipeline('keep partitions for longer', (pipeline) => {
        for (const digest of batch) pipeline.extendFrame(this.#keys.frame(scope, digest), ttlMs);
      });
      found.push(...replies.map((reply) => reply === 1));
    }
    return found;
  }

  async delete(scope: string, digests: readonly Uint8Array[]): Promise<void> {
    for (const batch of batchesOf(digests, itemsOnly(EXTEND_FRAMES_MAX))) {
      await this.#connection.pipeline('remove partitions', (pipeline) => {
        for (const digest of batch) pipeline.unlink(this.#keys.frame(scope, digest));
      });
    }
  }

  async release(
    scope: string,
    digests: readonly Uint8Array[],
    { keptMs, graceMs }: FrameRelease,
  ): Promise<void> {
    const leftMsMax = Math.floor(keptMs - graceMs);
    for (const batch of batchesOf(digests, itemsOnly(EXTEND_FRAMES_MAX))) {
      await this.#connection.pipeline('let go of partitions', (pipeline) => {
        for (const digest of batch)
          pipeline.releaseFrame(this.#keys.frame(scope, digest), storedTtlMs(graceMs), leftMsMax);
      });
    }
  }

  /**
   * Writes of all callers take turns, batch by batch: what is on the way to Redis stays bounded however many flights store at
   * a time. Waiting for a turn is not held against the deadline, but each turn is short: it ends or fails within two deadlines.
   */
  async write(scope: string, frames: readonly FrameWrite[], ttlMs: number): Promise<void> {
    const limit = { itemsMax: WRITE_FRAMES_MAX, bytesMax: WRITE_BYTES_MAX, bytesOf: frameBytes };
    for (const batch of batchesOf(frames, limit)) {
      await this.#inTurn(async () => await this.#writeBatch(scope, batch, ttlMs));
    }
  }

  /**
   * Extends first, then writes those that are missing. A frame that another writer brings between the two steps may have a
   * shorter time to live, which NX leaves as it is: so the refused ones are extended again.
   */
  async #writeBatch(scope: string, frames: readonly FrameWrite[], ttlMs: number): Promise<void> {
    let pending = frames;
    for (let round = 0; round < WRITE_ROUNDS_MAX; round += 1) {
      const digests = pending.map(({ digest }) => digest);
      const found = await this.extend(scope, digests, ttlMs);
      const missing = pending.filter((_frame, index) => found[index] !== true);
      if (missing.length === 0) return;
      const replies = await this.#connection.pipeline('write partitions', (pipeline) => {
        for (const { digest, frame } of missing) {
          pipeline.set(this.#keys.frame(scope, digest), viewOf(frame), 'PX', ttlMs, 'NX');
        }
      });
      pending = missing.filter((_frame, index) => replies[index] !== 'OK');
      if (pending.length === 0) return;
    }
    throw new CacheServerError(
      'store',
      `cannot write partitions: the Redis for data does not keep ${pending.length} of them`,
    );
  }

  async #inTurn(write: () => Promise<void>): Promise<void> {
    const turn = this.#lastWrite.then(write);
    // Whoever comes next waits for the end of this turn; how it ended is for its caller.
    this.#lastWrite = turn.then(
      () => undefined,
      () => undefined,
    );
    await turn;
  }
}

function itemsOnly(itemsMax: number): { itemsMax: number; bytesMax: number; bytesOf: () => number } {
  return { itemsMax, bytesMax: Infinity, bytesOf: () => 0 };
}

function frameBytes({ frame }: FrameWrite): number {
  return frame.byteLength;
}

/** The client takes a Buffer for bytes, and any other array for a list of arguments. */
function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
