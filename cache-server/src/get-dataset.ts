/** The story of a dataset: its original by the same shared fetch as any GET, cut once for each version, read by partition. */
import { getHeader } from '@pannier/http-semantics';
import type { Config } from '@pannier/runtime';
import { LRUCache } from 'lru-cache';
import { decodeDatasetManifest, encodeDatasetManifest } from './dataset-manifest.ts';
import type { DatasetManifest, DatasetPartition } from './dataset-manifest.ts';
import { selectPartitions } from './dataset-query.ts';
import type { DatasetQuery } from './dataset-query.ts';
import type { DatasetOverview, DatasetRead, Datasets, DatasetsDeps } from './dataset-service.ts';
import type { EntryResponse } from './entry-answer.ts';
import { entryKey } from './entry-key.ts';
import type { EntryKey } from './entry-key.ts';
import { CacheServerError } from './errors.ts';
import { versionId } from './flight/version-id.ts';
import { ingestDataset } from './ingest-dataset.ts';

const CALLER = { identity: 'pannier-datasets' };
/** A stored version is cut anew after this long at the latest. */
const MANIFEST_TTL_MS = 24 * 3600 * 1000;
/** Versions that were read lately, so that a read that began on one ends on it. */
const RECENT_MAX = 64;
/** Frames read at once for one reader. */
const FRAMES_AHEAD = 4;

interface Declared {
  readonly name: string;
  readonly url: string;
  readonly settings: Config['datasets'][string];
  readonly fields: readonly string[];
  readonly key: EntryKey;
}

class DatasetShelf implements Datasets {
  readonly #deps: DatasetsDeps;
  readonly #ingests = new Map<string, Promise<DatasetManifest>>();
  readonly #recent = new LRUCache<string, DatasetManifest>({ max: RECENT_MAX });
  readonly #closed = new AbortController();

  constructor(deps: DatasetsDeps) {
    this.#deps = deps;
  }

  async describe(name: string, signal: AbortSignal): Promise<DatasetManifest> {
    return await this.#current(this.#declared(name), signal);
  }

  async read(query: DatasetQuery, signal: AbortSignal): Promise<DatasetRead> {
    const declared = this.#declared(query.dataset);
    const manifest =
      query.version === ''
        ? await this.#current(declared, signal)
        : await this.#version(declared, query.version);
    const partitions = selectPartitions(manifest, query).slice(query.skipPartitions);
    return { manifest, partitions, frames: () => this.#frames(declared, { manifest, partitions, signal }) };
  }

  async list(): Promise<DatasetOverview[]> {
    const names = Object.keys(this.#deps.datasets).toSorted();
    return await Promise.all(
      names.map(async (name) => {
        const declared = this.#declared(name);
        const manifest = await this.#stored(declared);
        const { upstream, endpoint } = declared.settings;
        const counts = {
          version: manifest?.version ?? '',
          records: manifest?.records ?? 0,
          partitions: manifest?.partitions.length ?? 0,
        };
        return { dataset: name, upstream, endpoint: [endpoint].flat().join(' '), ...counts };
      }),
    );
  }

  async close(): Promise<void> {
    this.#closed.abort(new CacheServerError('draining', 'the server is shutting down'));
    await Promise.allSettled(this.#ingests.values());
  }

  #declared(name: string): Declared {
    const { datasets, upstreams } = this.#deps;
    const settings = Object.hasOwn(datasets, name) ? datasets[name] : undefined;
    const upstream = settings && upstreams[settings.upstream];
    if (settings === undefined || upstream === undefined) {
      const known = Object.keys(datasets).toSorted().join(', ') || 'none';
      throw new CacheServerError('not-found', `dataset "${name}" is not declared; declared are: ${known}`);
    }
    const { field } = settings.partitionBy;
    const url = upstream.url.replace(/\/+$/, '') + String([settings.endpoint].flat()[0]);
    return { name, url, settings, fields: [field].flat(), key: entryKey(settings.upstream, 'dataset', name) };
  }

  /** The version that belongs to the original as it is now: fresh, revalidated or fetched, like any GET. */
  async #current(declared: Declared, signal: AbortSignal): Promise<DatasetManifest> {
    const answer = await this.#deps.entries.getEntry(
      { method: 'GET', url: declared.url, headers: [] },
      CALLER,
      signal,
    );
    if (answer.kind === 'bypass')
      throw this.#unfit(declared, `its response may not be cached (${answer.outcome})`);
    const stored = await this.#stored(declared);
    if (answer.status !== 200) {
      answer.body.release();
      throw this.#unfit(declared, `the upstream answered ${answer.status}`);
    }
    const isCutSo = stored?.partitionFields.join('\n') === declared.fields.join('\n');
    if (stored?.sourceVersion === answer.body.version && isCutSo) {
      answer.body.release();
      return this.#remember(stored);
    }
    return await abortable(this.#ingestOnce(declared, answer), signal);
  }

  /** One ingest for all that wait for the same version; it goes on when they leave. */
  async #ingestOnce(declared: Declared, answer: EntryResponse): Promise<DatasetManifest> {
    const id = `${declared.name}\n${answer.body.version}`;
    const running = this.#ingests.get(id);
    if (running !== undefined) {
      answer.body.release();
      return await running;
    }
    const ingest = this.#ingest(declared, answer).finally(() => this.#ingests.delete(id));
    this.#ingests.set(id, ingest);
    return await ingest;
  }

  async #ingest(declared: Declared, answer: EntryResponse): Promise<DatasetManifest> {
    const { store, limits, clock, random, logger } = this.#deps;
    const { key, name, fields, settings } = declared;
    const startedMs = clock.now();
    const storedBytes = new Map<string, number>();
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(limits.fetchDeadlineMs)]);
    try {
      const { recordBytesMax, partitionsMax } = limits;
      const ingested = await ingestDataset({
        body: answer.body,
        coding: getHeader(answer.headers, 'content-encoding')?.toLowerCase() ?? '',
        plan: { scope: key.scope, pointer: settings.records, fields, recordBytesMax, partitionsMax },
        limits,
        signal,
        store: async (partitions) => {
          for (const { name: partition, frame } of partitions) storedBytes.set(partition, frame.byteLength);
          await store.writeFrames(key.scope, partitions, 2 * MANIFEST_TTL_MS);
        },
      });
      const manifest: DatasetManifest = {
        dataset: name,
        scope: key.scope,
        version: versionId(clock.now(), random),
        sourceVersion: answer.body.version,
        publishedAtMs: clock.now(),
        records: ingested.records,
        partitionFields: fields,
        fields: ingested.fields,
        partitions: ingested.partitions.map((partition) => ({
          ...partition,
          storedBytes: storedBytes.get(partition.name) ?? 0,
        })),
      };
      const bytes = encodeDatasetManifest(key.text, manifest);
      await store.writeManifest(key.text, { bytes, version: manifest.version, ttlMs: MANIFEST_TTL_MS });
      logger.info(
        {
          dataset: name,
          records: manifest.records,
          partitions: manifest.partitions.length,
          ms: clock.now() - startedMs,
        },
        'dataset cut',
      );
      return this.#remember(manifest);
    } catch (error) {
      if (
        !(error instanceof CacheServerError) ||
        (error.code !== 'bad-data' && error.code !== 'limit-exceeded')
      )
        throw error;
      logger.warn({ dataset: name, err: error }, 'the dataset could not be cut; an older version stays');
      throw this.#unfit(declared, error.message, error);
    }
  }

  async #stored({ key }: Declared): Promise<DatasetManifest | undefined> {
    const bytes = await this.#deps.store.readManifest(key.text);
    if (bytes === undefined) return undefined;
    try {
      return decodeDatasetManifest(key.text, bytes);
    } catch (error) {
      // Of another format or damaged: it is cut anew.
      this.#deps.logger.warn({ err: error, key: key.text }, 'dataset manifest');
      return undefined;
    }
  }

  async #version(declared: Declared, version: string): Promise<DatasetManifest> {
    const manifest = this.#recent.get(`${declared.name}\n${version}`) ?? (await this.#stored(declared));
    if (manifest?.version === version) return manifest;
    throw new CacheServerError('not-found', `dataset ${declared.name} has no version ${version} any more`);
  }

  #remember(manifest: DatasetManifest): DatasetManifest {
    this.#recent.set(`${manifest.dataset}\n${manifest.version}`, manifest);
    return manifest;
  }

  async *#frames(
    { key }: Declared,
    {
      manifest,
      partitions,
      signal,
    }: { manifest: DatasetManifest; partitions: readonly DatasetPartition[]; signal: AbortSignal },
  ): AsyncGenerator<{ partition: DatasetPartition; frame: Buffer }> {
    const { store } = this.#deps;
    for (let at = 0; at < partitions.length; at += FRAMES_AHEAD) {
      signal.throwIfAborted();
      const batch = partitions.slice(at, at + FRAMES_AHEAD);
      const frames = await store.readFrames(
        manifest.scope,
        batch.map(({ digest }) => digest),
      );
      for (const [index, partition] of batch.entries()) {
        const frame = frames[index];
        if (frame === undefined) {
          // The next read cuts it anew rather than failing again.
          await store.deleteManifest(key.text);
          throw new CacheServerError(
            'store',
            `partition ${partition.name} of dataset ${manifest.dataset} is lost`,
          );
        }
        yield { partition, frame };
      }
    }
  }

  #unfit({ name, settings }: Declared, why: string, cause?: unknown): CacheServerError {
    const place = `upstream ${settings.upstream}, endpoint ${[settings.endpoint].flat().join(' ')}`;
    return new CacheServerError('bad-data', `dataset ${name} (${place}): ${why}`, { cause });
  }
}

/** A wait that one caller may leave while the others go on. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const left = Promise.withResolvers<never>();
  const leave = (): void => left.reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    return await Promise.race([work, left.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Datasets over entries and a store. */
export function createDatasets(deps: DatasetsDeps): Datasets {
  return new DatasetShelf(deps);
}
