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
  /** By which invalidations name it; of responses only. */
  readonly url?: string;
}

/** Longest endpoint that stands in a key as it is, in bytes; a longer one is cut and completed by its SHA-256. */
const ENDPOINT_BYTES_MAX = 512;
/** Hexadecimal digits by which variants are told apart: 128 bits, since their values are the callers'. */
const VARIANT_DIGITS = 32;

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
  const place = entryKey(upstreamName, 'original', `GET ${url}`);
  const selected = escapeComponent(
    headers.map(([name, value]) => `\n${name.toLowerCase()}: ${value}`).join(''),
  );
  // Bounded apart from the URL, so that all keys of one begin alike however long it is.
  const digest = createHash('sha256').update(selected).digest('hex');
  return {
    ...place,
    url,
    text: place.text + (selected.length <= ENDPOINT_BYTES_MAX ? selected : `%0A%%=${digest}`),
  };
}

/**
 * The key of one of several responses under a key.
 *
 * @param values what the request says in the headers by which they vary, as one text
 */
export function variantKey(key: EntryKey, values: string): EntryKey {
  const digest = createHash('sha256').update(values).digest('hex').slice(0, VARIANT_DIGITS);
  // `%0A` like before a header of the key, so that all keys of a URL begin alike; `%%` never comes out of escaping.
  return { ...key, text: `${key.text}%0A%%${digest}` };
}

/** The key of what is stored of a response of which only parts have come. */
export function partsKey(key: EntryKey): EntryKey {
  return { ...key, text: `${key.text}%0A%%parts` };
}

/** The key of a flight that brings one part. @param range as `bytes=0-99` */
export function rangeKey(key: EntryKey, range: string): EntryKey {
  return { ...key, text: `${key.text}%0A%%${range}` };
}

/** The key of a flight that nobody else may join. */
export function personalKey(key: EntryKey, unique: string): EntryKey {
  return { ...key, text: `${key.text}%0A%%~${unique}` };
}
