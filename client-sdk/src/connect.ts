/** The client: everything that a program may ask of Pannier. */
import type { Generation } from '@pannier/proto/generation';
import type { RecordObject } from '@pannier/proto/partition-format';
import type { CallOptions, ClientOptions } from './client-options.ts';
import { openDataset } from './dataset.ts';
import type { Dataset } from './dataset.ts';
import type { PannierResponse } from './fetch-response.ts';
import { fetchUrl } from './fetch-url.ts';
import { HeldPartitions } from './held-partitions.ts';
import { invalidate, targetsOf } from './invalidate.ts';
import type { Invalidation } from './invalidate.ts';
import { createNearCache } from './near-cache.ts';
import { openObjectStore } from './object-store.ts';
import type { ObjectStore } from './object-store.ts';
import { openServerAdmin } from './server-admin.ts';
import type { ServerAdmin } from './server-admin.ts';
import { createTransport } from './transport/index.ts';
import type { ServerState } from './transport/index.ts';
import { openWarmJobs } from './warm-jobs.ts';
import type { WarmJobs } from './warm-jobs.ts';

/** A client. Its failures are `PannierError`s; what an AbortSignal ends rejects with the signal's reason. */
export interface PannierClient extends ObjectStore, WarmJobs, Disposable {
  /**
   * Fetches a URL through the cache, as `fetch` does: redirects followed, content codings undone, the body streamed with
   * backpressure. GETs without a body are asked of the cache; everything else goes straight to the upstream.
   *
   * @throws PannierError `unavailable` when no server answers, `upstream-…` when the upstream fails; TypeError for no http(s) URL
   */
  fetch(url: string | URL, init?: RequestInit): Promise<PannierResponse>;
  /**
   * Invalidates what entries are known by, hard or `soft`: `invalidate({ tag: 'cities' })`. It takes as long for a million entries as for
   * one. Once it resolves no server that is asked serves them, the others and all near caches not after a second.
   *
   * @returns its place in the servers' log
   * @throws PannierError `bad-request` when nothing is named, `not-found` for a dataset, `store` when the log cannot be reached
   */
  invalidate(what: Invalidation, options?: CallOptions): Promise<Generation>;
  /** A dataset by its name in the server's configuration. */
  dataset<T = RecordObject, K extends string = string>(name: string): Dataset<T, K>;
  /** What operators ask. */
  readonly admin: ServerAdmin;
  /** Every server known now. */
  servers(): readonly ServerState[];
  /** Ends every call and connection. Idempotent; also by `using`. */
  close(): void;
}

/** Of a call that says nothing else, in milliseconds. */
export const DEADLINE_MS = 10_000;
const NEAR_TRUST_MS = 1000;
const NEAR_CACHE_BYTES = 16 * 1024 * 1024;
/** Larger bodies come by Fetch and are never whole in memory. */
const NEAR_ENTRY_BYTES = 1024 * 1024;

/**
 * Makes a client. It connects when it is first used, finds servers that return, and does not hold the process open while
 * nothing is asked of it.
 *
 * @param address `host:port`, several of them, or `dns:///name:port` for every address of a name
 * @throws PannierError `bad-request` for an address that is none
 */
export function connect(address: string | readonly string[], options: ClientOptions = {}): PannierClient {
  const { deadlineMs = DEADLINE_MS, onBypass = 'direct', nearCacheBytesMax = NEAR_CACHE_BYTES } = options;
  const servers = typeof address === 'string' ? [address] : address;
  const transport = createTransport({ ...options, servers });
  const nearCache = createNearCache({
    bytesMax: nearCacheBytesMax,
    entryBytesMax: NEAR_ENTRY_BYTES,
    trustMs: options.nearTrustMs ?? NEAR_TRUST_MS,
    watch: (listener) => transport.onInvalidation(listener),
  });
  const held = new HeldPartitions(nearCacheBytesMax);
  const onFailure = (error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    options.onEvent?.({ kind: 'write-untold', server: '', reason });
  };
  const close = (): void => {
    nearCache.clear();
    held.clear();
    transport.close();
  };
  return {
    ...openObjectStore(transport, deadlineMs),
    ...openWarmJobs(transport, deadlineMs),
    admin: openServerAdmin(transport, deadlineMs),
    fetch: (url, init = {}) => fetchUrl(url, init, { transport, nearCache, onBypass, onFailure }),
    async invalidate(what, limits = {}) {
      const forget = (): void => {
        for (const target of targetsOf(what)) nearCache.deleteTarget(target);
      };
      forget();
      const place = await invalidate(transport, what, { deadlineMs, ...limits });
      // Again: who asked a server before it knew may have kept its old answer since.
      forget();
      return place;
    },
    dataset: <T, K extends string>(name: string) => openDataset<T, K>(name, { transport, deadlineMs, held }),
    servers: () => transport.state(),
    close,
    [Symbol.dispose]: close,
  };
}
