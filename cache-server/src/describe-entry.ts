/** An entry of any kind as operators see it in `pannier ls`. */
import type { EntryService, ManifestDescription } from './entry-service.ts';
import { bodyBytesOf } from './manifest.ts';

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
    status,
    contentBytes: bodyBytesOf(manifest),
    storedBytes: body.kind === 'inline' ? body.bytes.byteLength : body.storedBytes,
    partitions,
    ageMs,
    freshForMs,
  };
}

/** The summary of whatever stands under a key; undefined when it has gone. */
export async function describeEntry(key: string, entries: EntryService): Promise<EntrySummary | undefined> {
  if (key.split(':')[1] === 'original') {
    const description = await entries.describeManifest(key);
    return description && originalSummary(key, description);
  }
  const unknown = {
    version: '',
    status: 0,
    contentBytes: 0,
    storedBytes: 0,
    partitions: 0,
    ageMs: 0,
    freshForMs: 0,
  };
  return { key, name: nameOf(key), ...unknown };
}
