/** The caller's own objects: values under names of its own, for a time. */
import { CacheService } from '@pannier/proto';
import type { StoredObject as ObjectMessage } from '@pannier/proto';
import type { CallOptions } from './client-options.ts';
import { PannierError } from './errors.ts';
import type { Transport } from './transport/index.ts';

/** What `get` finds. */
export interface StoredObject {
  readonly name: string;
  /** The bytes that were put; a copy of the caller's own. */
  readonly value: Uint8Array;
  /** Time left to live in milliseconds, by the clock of the server. */
  readonly ttlMs: number;
  /** As they were put. */
  readonly tags: readonly string[];
  /** What `put` returned for this value; another one after each put. */
  readonly version: string;
}

/** How a value is put. */
export interface PutOptions extends CallOptions {
  /** Time to live in milliseconds, at least 1. */
  readonly ttlMs: number;
  /** At most 64 of at most 256 bytes. */
  readonly tags?: readonly string[];
}

/**
 * Calls about objects. Names are of 1 to 1,024 bytes, and each identity (`ClientOptions.identity`) has names of its own: nobody sees another's.
 * All reject with PannierError: `bad-request` for a name that is none, `store` when the store cannot be asked, `unavailable`, `deadline`.
 */
export interface ObjectStore {
  /**
   * The value that was put last under a name, with its time left, tags and version; never one that was replaced or deleted before the call.
   *
   * @returns undefined when there is none, its time to live has passed, an invalidation has hit it (also a soft one), or it is not certain
   *   that none has
   */
  get(name: string, options?: CallOptions): Promise<StoredObject | undefined>;
  /** Replaces what is there. @returns the version of the value @throws PannierError `limit-exceeded` for a value over `limits.objectBytesMax` */
  put(name: string, value: Uint8Array, options: PutOptions): Promise<string>;
  /** True when there was one. */
  delete(name: string, options?: CallOptions): Promise<boolean>;
  /** Those of which `get` would return something, by name; the others are absent. At most 1,000 names. */
  getBatch(names: readonly string[], options?: CallOptions): Promise<Map<string, StoredObject>>;
  /** The value alone, of what `putJson` has put; undefined as for `get`. @throws PannierError `bad-data` when it is not JSON */
  getJson<T>(name: string, options?: CallOptions): Promise<T | undefined>;
  /** As `put`, with the value as JSON. */
  putJson(name: string, value: unknown, options: PutOptions): Promise<string>;
}

function objectOf({ name, value, ttlMs, tags, version }: ObjectMessage): StoredObject {
  // A copy: the value is a view of the message, which may hold many more.
  return { name, value: new Uint8Array(value), ttlMs: Number(ttlMs), tags, version };
}

/** The calls, over a transport. */
export function openObjectStore(transport: Transport, deadlineMs: number): ObjectStore {
  const { method } = CacheService;
  const get: ObjectStore['get'] = async (name, options = {}) => {
    const { object } = await transport.unary(method.get, { name }, { deadlineMs, ...options });
    return object && objectOf(object);
  };
  const put: ObjectStore['put'] = async (name, value, { ttlMs, tags = [], ...options }) => {
    if (!Number.isSafeInteger(ttlMs) || ttlMs < 1) {
      throw new PannierError('bad-request', `ttlMs: ${ttlMs} is not a whole number of at least 1`);
    }
    const request = { name, value, ttlMs: BigInt(ttlMs), tags: [...tags] };
    return (await transport.unary(method.put, request, { deadlineMs, ...options })).version;
  };
  return {
    get,
    put,
    async delete(name, options = {}) {
      return (await transport.unary(method.delete, { name }, { deadlineMs, ...options })).existed;
    },
    async getBatch(names, options = {}) {
      const { objects } = await transport.unary(
        method.getBatch,
        { names: [...names] },
        { deadlineMs, ...options },
      );
      return new Map(objects.map((object) => [object.name, objectOf(object)]));
    },
    async getJson<T>(name: string, options?: CallOptions) {
      const object = await get(name, options);
      return object && parseJson<T>(object);
    },
    putJson: (name, value, options) => put(name, Buffer.from(JSON.stringify(value)), options),
  };
}

function parseJson<T>({ name, value }: StoredObject): T {
  try {
    return JSON.parse(Buffer.from(value).toString()) as T;
  } catch (cause) {
    throw new PannierError('bad-data', `${name} is not JSON`, { cause });
  }
}
