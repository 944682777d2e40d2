/**
 * The key of an entry, in this one file: `SERVICE_NAME:DATA_TYPE:ENDPOINT`, for example
 * `geo:original:GET%20http%3A//api.example/cities.json`.
 */
import { createHash } from 'node:crypto';

/** What an entry holds: exact upstream bytes, partitioned records, or a caller's own object. */
export type DataType = 'original' | 'dataset' | 'object';

/** A key and its parts. */
export interface EntryKey {
  /** Whose entry this is: an upstream's name when its responses may be shared, else the caller's identity. */
  readonly scope: string;
  readonly type: DataType;
  /** The whole key, escaped so that no input can forge another one. */
  readonly text: string;
}

/** Longest endpoint that stands in a key as it is, in bytes; a longer one is cut and completed by its SHA-256. */
const ENDPOINT_BYTES_MAX = 512;

/** Escapes the separators, the braces (hash tags of Redis Cluster), `%`, white space, controls and whatever is not ASCII. */
function escapeComponent(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(
      /[^!-$&-9;-z|~]/g,
      (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    );
}

function boundedEndpoint(escaped: string): string {
  if (escaped.length <= ENDPOINT_BYTES_MAX) return escaped;
  const digest = createHash('sha256').update(escaped).digest('hex');
  return `${escaped.slice(0, ENDPOINT_BYTES_MAX - 72)}%%${digest}`;
}

/** Makes a key. `%%` never comes out of escaping, so that a cut endpoint cannot equal a whole one. */
export function entryKey(scope: string, type: DataType, endpoint: string): EntryKey {
  return {
    scope,
    type,
    text: `${escapeComponent(scope)}:${type}:${boundedEndpoint(escapeComponent(endpoint))}`,
  };
}

/** The key of a GET: its URL at the upstream and the allow-listed, normalised headers that are sent with it, sorted by name. */
export function originalKey(
  upstreamName: string,
  url: string,
  headers: readonly (readonly [string, string])[],
): EntryKey {
  const selected = headers.map(([name, value]) => `\n${name.toLowerCase()}: ${value}`).join('');
  return entryKey(upstreamName, 'original', `GET ${url}${selected}`);
}
