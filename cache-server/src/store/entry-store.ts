/**
 * What the cache server needs of a store. Two kinds of things live in one: manifests (small, mutable, one per key) and
 * frames (immutable, content-addressed, compressed partitions and index pages). `test/contract` holds the suite that every store passes.
 *
 * Every method rejects with `CacheServerError('store', …)` when the store fails or does not answer within its command
 * deadline; none hangs. Buffers handed in are not changed or kept without a copy; buffers handed out belong to the reader.
 */
export interface EntryStore {
  /** Which store this is, for logs and stats. */
  readonly kind: 'embedded' | 'redis';

  /** The manifest's bytes, or undefined when there is none or its time to live has passed. */
  readManifest(key: string, read?: ManifestRead): Promise<Buffer | undefined>;

  /**
   * Replaces a manifest atomically: a reader sees the old one or the new one.
   *
   * @returns false when `ifVersion` was given and the stored manifest has another version (or none), or `ifAbsent` and there is one, or `fence` is older than that of a former write; nothing
   *   is written then.
   */
  writeManifest(key: string, manifest: ManifestWrite): Promise<boolean>;

  /**
   * Removes a manifest; its frames stay until their own time to live has passed.
   *
   * @returns false when there was none, or none of the version `ifVersion`, where given
   */
  deleteManifest(key: string, ifVersion?: string): Promise<boolean>;

  /** Frames in the order of the digests; undefined where one is missing. */
  readFrames(scope: string, digests: readonly Uint8Array[]): Promise<(Buffer | undefined)[]>;

  /** Stores frames and sets their time to live. A frame that is there already is not written again, only extended. */
  writeFrames(scope: string, frames: readonly FrameWrite[], ttlMs: number): Promise<void>;

  /** Extends the time to live to at least `ttlMs`; says for each digest whether the frame exists; "it is there, skip the write" is proved by this. */
  extendFrames(scope: string, digests: readonly Uint8Array[], ttlMs: number): Promise<boolean[]>;

  /** Removes frames, such as damaged ones, which a write would take for being there. Those that are missing are none. */
  deleteFrames(scope: string, digests: readonly Uint8Array[]): Promise<void>;

  /**
   * Lets frames go that nothing names any more: what they have left to live is cut to a grace. Who was told by an extension that one is there can
   * rely on that: one that was extended within the last grace stays as it is, and a later extension keeps it. Missing ones are passed over.
   */
  releaseFrames(scope: string, digests: readonly Uint8Array[], release: FrameRelease): Promise<void>;

  /** Keys of manifests that contain a text, page by page; in no order. The cursor is '' at first and at the end. */
  listKeys(page: {
    contains: string;
    cursor: string;
    limit: number;
  }): Promise<{ keys: string[]; cursor: string }>;

  /** Size of the store where it can tell cheaply. */
  stats(): Promise<{ entries?: number; bytes?: number }>;

  /** Frees connections and memory. */
  close(): Promise<void>;
}

/** How long frames stay that are let go: longer than it takes to write what names them behind their extension. In milliseconds. */
export const RELEASE_GRACE_MS = 10 * 60 * 1000;

/** How frames are let go. */
export interface FrameRelease {
  /** What those who keep them extend them to, in milliseconds: what one has left of it tells how long ago that was. */
  keptMs: number;
  /** At least 1; {@link RELEASE_GRACE_MS} unless what was removed had less to live. */
  graceMs: number;
}

/** How a manifest is read. */
export interface ManifestRead {
  /**
   * Whether one will do that was in the store a moment ago (a second at most): a hot key then costs memory, not Redis. Not before a
   * comparison, nor where what another replica has just written must be seen. False by default.
   */
  recent?: boolean;
  /**
   * Whether only what all replicas share counts: rejects where that cannot be asked, instead of giving what is remembered of it. Not
   * beside `recent`. False by default.
   */
  shared?: boolean;
}

/** A manifest to be written. */
export interface ManifestWrite {
  bytes: Uint8Array;
  /** Version of the content, compared by `ifVersion` of a later write. */
  version: string;
  /** Time to live in milliseconds, at least 1. */
  ttlMs: number;
  /** Write only if the stored manifest has this version (a 304 compares-and-sets on the version that it validated). */
  ifVersion?: string;
  /** Write only if there is none. Not beside `ifVersion`. */
  ifAbsent?: boolean;
  /**
   * Orders the writes of those who held a lease, by the order of their texts: one that is older than that of a former write is refused. A write
   * without one is not compared and leaves the former one there.
   */
  fence?: string;
  /**
   * Says that nothing else tells what this manifest tells, such as what an operator decided: the embedded store never drives it out to make
   * room, so that only its time ends it. In Redis that is for `maxmemory-policy` to say. False by default, and for each write by itself.
   */
  isKept?: boolean;
}

/** A frame to be written. */
export interface FrameWrite {
  digest: Uint8Array;
  frame: Uint8Array;
}
