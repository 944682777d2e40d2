/** A caller's own objects: values with a time to live and tags, kept in the store like any entry, as a manifest and partitions. */
import {
  contentDigest,
  decodeBytes,
  decodeFrame,
  decodeValue,
  encodeBytes,
  encodeFrame,
  encodeValue,
  PartitionFormatError,
} from '@pannier/proto/partition-format';
import type { Generation } from '@pannier/proto/generation';
import type { Logger } from '@pannier/runtime';
import type { Clock } from './clock.ts';
import { entryKey } from './entry/entry-key.ts';
import type { EntryKey } from './entry/entry-key.ts';
import type { Caller } from './entry/entry-answer.ts';
import { CacheServerError } from './errors.ts';
import { versionId } from './flight/version-id.ts';
import type { Generations } from './generation/generations.ts';
import type { Standing } from './janitor/estate.ts';
import type { EntryStore, FrameWrite } from './store/entry-store.ts';

/** An object as its caller gets it back. */
export interface KeptObject {
  readonly name: string;
  readonly value: Uint8Array;
  /** Time left to live, in milliseconds. */
  readonly ttlMs: number;
  readonly tags: readonly string[];
  readonly version: string;
}

/** An object to be kept. */
export interface ObjectToKeep {
  readonly name: string;
  readonly value: Uint8Array;
  /** Milliseconds, 1 to a year. */
  readonly ttlMs: number;
  readonly tags: readonly string[];
}

/** An object as operators see it: not what it holds. Times in milliseconds, lengths in bytes. */
export interface ObjectDescription {
  readonly version: string;
  readonly contentBytes: number;
  readonly storedBytes: number;
  /** 0 when the value rides in the record. */
  readonly partitions: number;
  readonly ageMs: number;
  readonly ttlMs: number;
}

/** Keeps objects. Every method rejects with `CacheServerError`: `bad-request`, `limit-exceeded`, `store`. */
export interface ObjectKeeper {
  get(caller: Caller, name: string): Promise<KeptObject | undefined>;
  /** Returns the version of what is stored now. */
  put(caller: Caller, object: ObjectToKeep): Promise<string>;
  /** True when there was one. */
  delete(caller: Caller, name: string): Promise<boolean>;
}

/** What the keeper needs. */
export interface ObjectKeeperDeps {
  readonly store: EntryStore;
  readonly clock: Clock;
  /** Like Math.random. */
  readonly random: () => number;
  readonly limits: { readonly objectBytesMax: number };
  readonly generations: Pick<Generations, 'captureForSure' | 'judge'>;
  /** How long a put may wait for the log of invalidations, in milliseconds. */
  readonly logTimeoutMs: number;
  readonly logger: Pick<Logger, 'warn'>;
}

const NO_GENERATION: Generation = { epoch: '', sequence: 0 };
const NAME_BYTES_MAX = 1024;
const TAGS_MAX = 64;
const TAG_BYTES_MAX = 256;
const TTL_MS_MAX = 365 * 24 * 3600 * 1000;
/** A value up to this length rides in the record itself, so that reading it costs one round trip. */
const INLINE_BYTES_MAX = 16 * 1024;

interface ObjectRecord {
  readonly kind: 'object';
  readonly version: string;
  readonly expiresAtMs: number;
  readonly tags: readonly string[];
  /** Before it was put; every later invalidation of it outdates it. Records of older servers lack it. */
  readonly generation?: Generation;
  /** What operators are told; records of older servers lack it. */
  readonly putAtMs?: number;
  readonly contentBytes?: number;
  readonly storedBytes?: number;
  /** The value, or the digest of the one frame that holds it. */
  readonly value: Uint8Array | null;
  readonly digest: Uint8Array | null;
}

function keyOf(caller: Caller, name: string): EntryKey {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > NAME_BYTES_MAX) {
    throw new CacheServerError(
      'bad-request',
      `name: ${bytes} bytes long, allowed are 1 to ${NAME_BYTES_MAX}`,
    );
  }
  return entryKey(caller.identity, 'object', name);
}

function check({ value, ttlMs, tags }: ObjectToKeep, objectBytesMax: number): void {
  if (value.byteLength > objectBytesMax) {
    throw new CacheServerError(
      'limit-exceeded',
      `value: ${value.byteLength} bytes, limits.objectBytesMax is ${objectBytesMax}`,
    );
  }
  if (!(ttlMs >= 1 && ttlMs <= TTL_MS_MAX)) {
    throw new CacheServerError('bad-request', `ttl_ms: ${ttlMs}, allowed are 1 to ${TTL_MS_MAX}`);
  }
  if (tags.length > TAGS_MAX)
    throw new CacheServerError('bad-request', `tags: ${tags.length}, allowed are ${TAGS_MAX}`);
  const long = tags.findIndex((tag) => tag === '' || Buffer.byteLength(tag) > TAG_BYTES_MAX);
  if (long >= 0)
    throw new CacheServerError('bad-request', `tags[${long}]: empty or longer than ${TAG_BYTES_MAX} bytes`);
}

/** Undefined for damage and other formats, which are a miss, and no obstacle to the janitor. */
function objectRecord(bytes: Buffer): ObjectRecord | undefined {
  let value: unknown;
  try {
    value = decodeValue(bytes);
  } catch (error) {
    if (error instanceof PartitionFormatError) return undefined;
    throw error;
  }
  const isRecord = typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'object';
  return isRecord ? (value as ObjectRecord) : undefined;
}

/** What stands under a whole key, whosever it is; undefined when there is none. */
export async function describeObject(
  keyText: string,
  { store, clock }: Pick<ObjectKeeperDeps, 'store' | 'clock'>,
): Promise<ObjectDescription | undefined> {
  const bytes = await store.readManifest(keyText);
  const record = bytes && objectRecord(bytes);
  if (record === undefined) return undefined;
  const now = clock.now();
  const { version, contentBytes = 0, storedBytes = 0, putAtMs = now, expiresAtMs, digest } = record;
  const partitions = digest === null ? 0 : 1;
  return { version, contentBytes, storedBytes, partitions, ageMs: now - putAtMs, ttlMs: expiresAtMs - now };
}

/** An object as the janitor sees it; undefined when there is none. */
export async function objectStanding(
  keyText: string,
  store: Pick<EntryStore, 'readManifest'>,
): Promise<Standing | undefined> {
  const bytes = await store.readManifest(keyText, { shared: true });
  if (bytes === undefined) return undefined;
  const { version, storedBytes = 0, putAtMs = 0 } = objectRecord(bytes) ?? {};
  return { version, storedBytes, writtenAtMs: putAtMs };
}

/**
 * Removes an object by its whole key, and lets go of what holds its value, unless it was put again meanwhile. A put of the same value under
 * another name keeps it, since it extends it, before its record is written and after; one for a shorter time than this one had left shows
 * nothing of that, and is a miss after the grace.
 *
 * @param going.graceMs how long the value stays, see `EntryStore.releaseFrames`
 * @returns false when something else than this version stands there
 */
export async function removeObject(
  keyText: string,
  going: { scope: string; version: string | undefined; graceMs: number },
  store: Pick<EntryStore, 'readManifest' | 'deleteManifest' | 'releaseFrames'>,
): Promise<boolean> {
  const { scope, version, graceMs } = going;
  const bytes = await store.readManifest(keyText, { shared: true });
  const record = bytes && objectRecord(bytes);
  if (record?.version !== version || !(await store.deleteManifest(keyText, version))) return false;
  if (record?.digest && (await store.readManifest(keyText, { shared: true })) === undefined) {
    const { digest, expiresAtMs, putAtMs = expiresAtMs - TTL_MS_MAX } = record;
    await store.releaseFrames(scope, [digest], { keptMs: valueTtlMs(expiresAtMs - putAtMs), graceMs });
  }
  return true;
}

/** How long what holds the value lives, by the object's own time to live. */
function valueTtlMs(ttlMs: number): number {
  return 2 * ttlMs;
}

/** What holds a value that is too long for the record. */
async function frameOf(scope: string, value: Uint8Array): Promise<FrameWrite> {
  const content = encodeBytes(value);
  const digest = contentDigest(content, 'original');
  return { digest, frame: await encodeFrame(content, { scope, digest, compress: true }) };
}

/** Undefined where the value is not in the store, or cannot be read; then it is taken out, since a put would take it for the good one. */
async function readValue(
  digest: Uint8Array,
  scope: string,
  { store, limits, logger }: ObjectKeeperDeps,
): Promise<Uint8Array | undefined> {
  const [frame] = await store.readFrames(scope, [digest]);
  if (frame === undefined) return undefined;
  const contentBytesMax = limits.objectBytesMax + 5; // the longest MessagePack bin header
  try {
    return decodeBytes(await decodeFrame(frame, { scope, digest, contentBytesMax }));
  } catch (err) {
    if (!(err instanceof PartitionFormatError)) throw err;
    logger.warn({ scope, err }, 'the value of an object cannot be read: a miss');
    await store.deleteFrames(scope, [digest]);
    return undefined;
  }
}

/** Keeps objects in a store. */
export function createObjectKeeper(deps: ObjectKeeperDeps): ObjectKeeper {
  const { store, clock, random, limits, generations, logTimeoutMs } = deps;
  return {
    async get(caller, name) {
      const key = keyOf(caller, name);
      // Another replica may have replaced or deleted it, and its caller was told so: memory does not know.
      const bytes = await store.readManifest(key.text, { shared: true });
      const record = bytes && objectRecord(bytes);
      if (record === undefined) return undefined;
      const ttlMs = record.expiresAtMs - clock.now();
      if (ttlMs <= 0) return undefined;
      // There is nobody to ask whether it is still good: unless that is certain, it is not there.
      const { tags, generation = NO_GENERATION } = record;
      const targets = { key: key.text, scope: key.scope, tags };
      const { verdict } = await generations.judge(generation, () => targets);
      if (verdict !== 'valid') return undefined;
      const value = record.digest === null ? record.value : await readValue(record.digest, key.scope, deps);
      return value ? { name, value, ttlMs, tags: record.tags, version: record.version } : undefined;
    },
    async put(caller, object) {
      const key = keyOf(caller, object.name);
      check(object, limits.objectBytesMax);
      const { value, ttlMs, tags } = object;
      const now = clock.now();
      // Nobody can be asked whether it is still good: it is refused rather than kept under a generation that may be outdated already.
      const generation = await generations.captureForSure(logTimeoutMs);
      const isInline = value.byteLength <= INLINE_BYTES_MAX;
      const held = isInline ? undefined : await frameOf(key.scope, value);
      if (held) await store.writeFrames(key.scope, [held], valueTtlMs(ttlMs));
      const record: ObjectRecord = {
        kind: 'object',
        version: versionId(now, random),
        putAtMs: now,
        expiresAtMs: now + ttlMs,
        tags: [...tags],
        generation,
        contentBytes: value.byteLength,
        storedBytes: held?.frame.byteLength ?? value.byteLength,
        value: held ? null : value,
        digest: held?.digest ?? null,
      };
      await store.writeManifest(key.text, {
        bytes: encodeValue({ ...record }),
        version: record.version,
        ttlMs,
      });
      // It may have been there already, of a record that the janitor removed before this one was written.
      if (held) await store.writeFrames(key.scope, [held], valueTtlMs(ttlMs));
      return record.version;
    },
    async delete(caller, name) {
      return await store.deleteManifest(keyOf(caller, name).text);
    },
  };
}
