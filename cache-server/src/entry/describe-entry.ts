/** An entry of any kind as operators see it in `pannier ls`. */
import { pieceBytes } from '@pannier/http-semantics';
import type { Clock } from '../clock.ts';
import { decodeDatasetManifest } from '../dataset/version/dataset-manifest.ts';
import type { DatasetManifest } from '../dataset/version/dataset-manifest.ts';
import { decodeShelf } from '../dataset/version/version-shelf.ts';
import type { EntryService, ManifestDescription } from './entry-service.ts';
import { describeObject } from '../keep-object.ts';
import { bodyBytesOf } from './manifest.ts';
import type { ManifestBody, PiecedBody } from './manifest.ts';
import type { EntryStore } from '../store/entry-store.ts';

/** An entry as operators see it; times in milliseconds, lengths in bytes. */
export interface EntrySummary {
  key: string;
  name: string;
  version: string;
  status: number;
  contentBytes: number;
  storedBytes: number;
  partitions: number;
  ageMs: number;
  freshForMs: number;
}

/** The part of a key behind `SERVICE_NAME:DATA_TYPE:`, readable again. */
function endpointOf(key: string): string {
  const endpoint = key.split(':').slice(2).join(':');
  try {
    return decodeURIComponent(endpoint);
  } catch {
    // A cut endpoint (`%%` and its digest) is no valid escape: it is shown as it stands.
    return endpoint;
  }
}

/** The name of an original is its request line; the headers that are part of its key follow in brackets. */
function nameOf(key: string): string {
  const [line = '', ...headers] = endpointOf(key).split('\n');
  return headers.length === 0 ? line : `${line} [${headers.join('; ')}]`;
}

/** The summary of an original. */
export function originalSummary(
  key: string,
  { manifest, partitions, ageMs, freshForMs }: ManifestDescription,
): EntrySummary {
  const { body, version, status } = manifest;
  return {
    key,
    name: nameOf(key),
    version,
    // Of parts: what came of them is told, and that they are parts.
    status: body.kind === 'pieces' ? 206 : status,
    contentBytes: body.kind === 'pieces' ? heldBytes(body) : bodyBytesOf(manifest),
    storedBytes: storedBytes(body),
    partitions,
    ageMs,
    freshForMs,
  };
}

function storedBytes(body: ManifestBody): number {
  if (body.kind === 'pieces') return body.pieces.reduce((sum, { held }) => sum + storedBytes(held), 0);
  return body.kind === 'inline' ? body.bytes.byteLength : body.storedBytes;
}

function heldBytes({ pieces }: PiecedBody): number {
  return pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0);
}

/** What descriptions are made of. */
export interface DescribeDeps {
  readonly entries: EntryService;
  readonly store: EntryStore;
  readonly clock: Clock;
}

const UNREADABLE = {
  version: '',
  status: 0,
  contentBytes: 0,
  storedBytes: 0,
  partitions: 0,
  ageMs: 0,
  freshForMs: 0,
};

/** A version of a dataset, or its shelf: that is told with the sizes of its current version. */
async function datasetSummary(
  key: string,
  { store, clock }: DescribeDeps,
): Promise<EntrySummary | undefined> {
  const bytes = await store.readManifest(key);
  if (bytes === undefined) return undefined;
  const summary = { key, name: nameOf(key), ...UNREADABLE };
  const shelf = decodeShelf(key, bytes);
  if (shelf === undefined) return { ...summary, ...manifestSizes(decodeDatasetManifest(key, bytes), clock) };
  // The key of a version is that of its shelf and the version.
  const currentKey = `${key}@${shelf.current}`;
  const current = await store.readManifest(currentKey);
  const sizes = manifestSizes(current && decodeDatasetManifest(currentKey, current), clock);
  return { ...summary, ...sizes, ageMs: shelf.checkedAtMs === 0 ? 0 : clock.now() - shelf.checkedAtMs };
}

function manifestSizes(manifest: DatasetManifest | undefined, clock: Clock): Partial<EntrySummary> {
  if (manifest === undefined) return {};
  const { version, partitions, publishedAtMs } = manifest;
  return {
    version,
    contentBytes: partitions.reduce((sum, { contentBytes }) => sum + contentBytes, 0),
    storedBytes: partitions.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    partitions: partitions.length,
    ageMs: clock.now() - publishedAtMs,
  };
}

/** The summary of whatever stands under a key; undefined when it has gone. */
export async function describeEntry(key: string, deps: DescribeDeps): Promise<EntrySummary | undefined> {
  const type = key.split(':')[1];
  if (type === 'dataset') return await datasetSummary(key, deps);
  if (type === 'object') {
    const description = await describeObject(key, deps);
    if (description === undefined) return undefined;
    const { ttlMs, ...object } = description;
    return { key, name: nameOf(key), status: 0, ...object, freshForMs: Math.max(0, ttlMs) };
  }
  const description = await deps.entries.describeManifest(key);
  return description && originalSummary(key, description);
}
