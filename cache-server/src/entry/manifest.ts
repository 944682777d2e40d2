/**
 * The manifest of an *original* entry: the small mutable record of one HTTP response. Its body is stored apart, in immutable
 * partitions that are found by their digests; a small body rides in the manifest itself, so that a small hit costs one read.
 *
 * As bytes: `PNRM`, the format version (1 byte), a CRC-32 over the key and what follows (4 bytes, big-endian), then one MessagePack map.
 */
import { DIGEST_BYTES } from '@pannier/proto/partition-format';
import type { CachePolicy, Header, Piece, StoredHead } from '@pannier/http-semantics';
import type { Generation } from '@pannier/proto/generation';
import { CacheServerError } from '../errors.ts';
import type { Doubt } from '../freshness/entry-freshness.ts';
import { sealRecord, unsealRecord } from '../sealed-record.ts';

/** Largest body that rides inside its manifest, in bytes. */
export const MANIFEST_BODY_BYTES_MAX = 16 * 1024;

/** Most partition digests that stand in the manifest itself; more are kept in index pages of as many each. */
export const DIGESTS_PER_PAGE = 256;

/** What is stored of one response, and where its body is. */
export interface Manifest extends StoredHead {
  /** Scope of the frames: the entry's own. */
  readonly scope: string;
  /** Version of the content: 26 characters, sortable by time. A 304 keeps it. */
  readonly version: string;
  /** By which it was stored, from the upstream's configuration. */
  readonly policy: CachePolicy;
  readonly body: ManifestBody;
  /** By which invalidations name it. */
  readonly url: string;
  /** Before its upstream was asked for it, or for its last confirmation: every later invalidation of it outdates it. */
  readonly generation: Generation;
  /** What the upstream's version endpoint said before it was asked for it, or for its last confirmation. */
  readonly told?: string | undefined;
  /** What invalidations make of it, by what was known at `judgedAt`. Not stored: each reader judges. */
  readonly doubt?: Doubt | undefined;
  readonly judgedAt?: Generation | undefined;
  /** Until when the frames are certain to live, by the clock that wrote them; milliseconds since 1970. */
  readonly framesExpireAtMs: number;
}

/** A body, by value or by reference, or as much of it as there is. */
export type ManifestBody = WholeBody | PiecedBody;

/** A body that is all there. */
export type WholeBody = InlineBody | PartitionedBody;

/** A body that is in the manifest. */
export interface InlineBody {
  readonly kind: 'inline';
  readonly bytes: Uint8Array;
}

/** A body in partitions of one size; only the last may be shorter. */
export interface PartitionedBody {
  readonly kind: 'partitions';
  readonly bodyBytes: number;
  /** Length of the frames as they are stored, index pages not included. */
  readonly storedBytes: number;
  readonly partitionBytes: number;
  /** True when `digests` are those of index pages, each of which holds the digests of {@link DIGESTS_PER_PAGE} partitions. */
  readonly paged: boolean;
  /** SHA-256 digests, 32 bytes each, one behind the other. */
  readonly digests: Uint8Array;
}

/** Parts of a body, of which bytes may be missing. It stands under a key of its own, where nobody looks who asks for the whole. */
export interface PiecedBody {
  readonly kind: 'pieces';
  /** Length of the whole. */
  readonly bodyBytes: number;
  /** They do not overlap; the newest is the last. */
  readonly pieces: readonly Piece<WholeBody>[];
}

const KIND = { magic: 'PNRM', version: 3 };

/** Length of the body in bytes. */
export function bodyBytesOf({ body }: { readonly body: ManifestBody }): number {
  return body.kind === 'inline' ? body.bytes.byteLength : body.bodyBytes;
}

/** Number of partitions of the body; 0 when it rides in the manifest. */
export function partitionCount({ body }: { readonly body: ManifestBody }): number {
  if (body.kind === 'pieces')
    return body.pieces.reduce((sum, { held }) => sum + partitionCount({ body: held }), 0);
  return body.kind === 'inline' ? 0 : Math.ceil(body.bodyBytes / body.partitionBytes);
}

/** What one version of an entry is called among those of all entries. */
export function versionName(keyText: string, version: string): string {
  return `${keyText}\n${version}`;
}

/** The manifest's bytes, bound to its key. */
export function encodeManifest(keyText: string, manifest: Manifest): Buffer {
  const { doubt: _doubt, judgedAt: _judgedAt, told, ...stored } = manifest;
  const optional = told === undefined ? {} : { told };
  return sealRecord(KIND, keyText, { ...stored, ...optional, policy: policyFields(manifest.policy) });
}

/**
 * Reads a manifest's bytes. The reader treats a refusal as a miss: another format version, damage, or bytes of another key.
 *
 * @throws CacheServerError `bad-data`
 */
export function decodeManifest(keyText: string, bytes: Buffer): Manifest {
  try {
    const record = unsealRecord(KIND, keyText, bytes);
    if (record !== undefined) return manifestOf(fieldsOf(record));
  } catch (cause) {
    throw refusal('not laid out as a manifest', cause);
  }
  throw refusal('another format, damaged, or of another key');
}

function manifestOf(fields: Fields): Manifest {
  return {
    scope: text(fields['scope']),
    version: text(fields['version']),
    status: count(fields['status']),
    headers: list(fields['headers']).map(header),
    requestTimeMs: count(fields['requestTimeMs']),
    responseTimeMs: count(fields['responseTimeMs']),
    policy: policyOf(fieldsOf(fields['policy'])),
    url: text(fields['url']),
    generation: generationOf(fieldsOf(fields['generation'])),
    framesExpireAtMs: count(fields['framesExpireAtMs']),
    ...(fields['told'] === undefined ? {} : { told: text(fields['told']) }),
    body: bodyOf(fieldsOf(fields['body'])),
  };
}

function generationOf(fields: Fields): Generation {
  return { epoch: text(fields['epoch']), sequence: count(fields['sequence']) };
}

/** An absent duration is absent, since MessagePack would read undefined back as null. */
function policyFields(policy: CachePolicy): Fields {
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}

function policyOf(fields: Fields): CachePolicy {
  const durations = Object.entries(fieldsOf(fields['negativeTtlS']));
  return {
    credentials: oneOf(fields['credentials'], ['rfc', 'keyed']) ?? 'never',
    setCookie: fields['setCookie'] === 'rfc' ? 'rfc' : 'never-share',
    forcedTtlS: fields['forcedTtlS'] === undefined ? undefined : count(fields['forcedTtlS']),
    minTtlS: count(fields['minTtlS']),
    defaultTtlS: fields['defaultTtlS'] === undefined ? undefined : count(fields['defaultTtlS']),
    heuristicShare: share(fields['heuristicShare']),
    heuristicTtlMaxS: count(fields['heuristicTtlMaxS']),
    negativeTtlS: Object.fromEntries(durations.map(([status, ttlS]) => [status, count(ttlS)])),
    staleIfErrorS: count(fields['staleIfErrorS']),
    doubtfulAge: fields['doubtfulAge'] === 'rfc' ? 'rfc' : 'stale',
  };
}

function bodyOf(fields: Fields): ManifestBody {
  if (fields['kind'] !== 'pieces') return wholeBodyOf(fields);
  const pieces = list(fields['pieces']).map((piece) => pieceOf(fieldsOf(piece)));
  return { kind: 'pieces', bodyBytes: count(fields['bodyBytes']), pieces };
}

function pieceOf(fields: Fields): Piece<WholeBody> {
  const held = wholeBodyOf(fieldsOf(fields['held']));
  const [first, last, skipBytes] = [
    count(fields['first']),
    count(fields['last']),
    count(fields['skipBytes']),
  ];
  if (first > last || skipBytes + last - first >= bodyBytesOf({ body: held })) throw refusal('not a piece');
  return { first, last, skipBytes, held };
}

function wholeBodyOf(fields: Fields): WholeBody {
  if (fields['kind'] === 'inline') return { kind: 'inline', bytes: binary(fields['bytes']) };
  const body: PartitionedBody = {
    kind: 'partitions',
    bodyBytes: count(fields['bodyBytes']),
    storedBytes: count(fields['storedBytes']),
    partitionBytes: count(fields['partitionBytes']),
    paged: fields['paged'] === true,
    digests: binary(fields['digests']),
  };
  // A body must be all there by its index before a byte of it is promised.
  const partitions = Math.ceil(body.bodyBytes / body.partitionBytes);
  const expected = body.paged ? Math.ceil(partitions / DIGESTS_PER_PAGE) : partitions;
  if (body.digests.byteLength !== expected * DIGEST_BYTES) throw refusal('digests do not cover the body');
  return body;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refusal('not a map');
  return value as Fields;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw refusal('not a list');
  return value;
}

function header(value: unknown): Header {
  const [name, content] = list(value);
  return [text(name), text(content)];
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw refusal('not a text');
  return value;
}

function oneOf<T>(value: unknown, values: readonly T[]): T | undefined {
  return values.find((one) => one === value);
}

/** Whole and not negative: a length, a time or a status. */
function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw refusal('not a count');
  return value;
}

function share(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) throw refusal('not a share');
  return value;
}

function binary(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw refusal('not binary');
  return value;
}

function refusal(why: string, cause?: unknown): CacheServerError {
  return new CacheServerError('bad-data', `the stored manifest cannot be read: ${why}`, { cause });
}
