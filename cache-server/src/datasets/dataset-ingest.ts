/** One ingest under way: its partitions as they are stored, for those who read while it runs, and its end. */
import type { Generation } from '@pannier/proto/generation';
import { abortable } from '@pannier/runtime';
import type { CutPartition, IngestSummary } from '../dataset/ingest/ingest-plan.ts';
import { runIngest } from '../dataset/ingest/run-ingest.ts';
import type { IngestDocument } from '../dataset/ingest/run-ingest.ts';
import { mergeStatistics } from '../dataset/read/field-statistics.ts';
import type { DatasetManifest, DatasetPartition } from '../dataset/version/dataset-manifest.ts';
import type { DatasetsDeps } from './dataset-service.ts';
import type { BodyPart } from '../entry/entry-answer.ts';
import { FRAMES_TTL_MS } from './dataset-archive.ts';
import type { DeclaredDataset } from './declared-dataset.ts';

/** What is cut. */
export interface IngestTask {
  readonly declared: DeclaredDataset;
  /** Version that it will have. */
  readonly version: string;
  readonly documents: AsyncIterable<IngestDocument>;
  /** The current version, whose partitions need not be written again. */
  readonly former: DatasetManifest | undefined;
  /** The invalidations that were known before the upstream was asked. */
  readonly generation: Generation;
  readonly signal: AbortSignal;
}

/** What came out, before it is judged. */
export type CutDataset = Omit<DatasetManifest, 'sourceVersion' | 'publishedAtMs'>;

/** Readers of an ingest see its partitions at once; whether they are worth anything its end tells. */
export class DatasetIngest {
  readonly version: string;
  readonly generation: Generation;
  readonly cut: Promise<CutDataset>;
  readonly #stored: DatasetPartition[] = [];
  #source: { readonly bytes: number; readonly bytesTotal: number | undefined } = {
    bytes: 0,
    bytesTotal: undefined,
  };
  #fit: CutDataset | undefined;
  #onStored: (() => void)[] = [];
  #isOver = false;

  constructor(task: IngestTask, deps: Pick<DatasetsDeps, 'store' | 'limits' | 'baseDir'>) {
    this.version = task.version;
    this.generation = task.generation;
    this.cut = this.#run(task, deps).finally(() => {
      this.#isOver = true;
      this.#wake();
    });
    this.cut.catch(() => undefined);
  }

  /** What was read of the source so far, and its length where that is known; in bytes. */
  get source(): { readonly bytes: number; readonly bytesTotal: number | undefined } {
    return this.#source;
  }

  /** What was cut, once it was judged fit to be read, whether it can be kept or not. */
  get fit(): CutDataset | undefined {
    return this.#fit;
  }

  judgeFit(cut: CutDataset): void {
    this.#fit = cut;
  }

  /** Partitions in the order in which they were stored; ends with the ingest, whether it went well or not. */
  async *partitions(signal: AbortSignal): AsyncGenerator<DatasetPartition> {
    for (let next = 0; ; next += 1) {
      while (next >= this.#stored.length && !this.#isOver) await this.#change(signal);
      const partition = this.#stored[next];
      if (partition === undefined) return;
      yield partition;
    }
  }

  async *#counted(documents: AsyncIterable<IngestDocument>): AsyncGenerator<IngestDocument> {
    for await (const document of documents) {
      const { parts, bodyBytes } = document;
      const countParts = async function* count(ingest: DatasetIngest): AsyncGenerator<BodyPart> {
        for await (const part of parts) {
          const bytes = part.kind === 'raw' ? part.bytes.byteLength : part.bodyBytes;
          ingest.#source = { bytes: ingest.#source.bytes + bytes, bytesTotal: bodyBytes };
          yield part;
        }
      };
      yield { ...document, parts: countParts(this) };
    }
  }

  async #change(signal: AbortSignal): Promise<void> {
    await abortable(new Promise<void>((resolve) => this.#onStored.push(resolve)), signal);
  }

  #wake(): void {
    const waiting = this.#onStored;
    this.#onStored = [];
    for (const wake of waiting) wake();
  }

  async #run(
    task: IngestTask,
    deps: Pick<DatasetsDeps, 'store' | 'limits' | 'baseDir'>,
  ): Promise<CutDataset> {
    const { declared, version, former, signal } = task;
    const { limits, store, baseDir } = deps;
    const { scope } = declared.key;
    const known = new Set(former?.partitions.map(({ digest }) => hex(digest)));
    const ttlMs = FRAMES_TTL_MS;
    const keep = async ({ frame, ...partition }: CutPartition): Promise<void> => {
      // Of an unchanged partition only the time to live is written; that it is there is proved by this.
      const [there] = known.has(hex(partition.digest))
        ? await store.extendFrames(scope, [partition.digest], ttlMs)
        : [false];
      if (there !== true) await store.writeFrames(scope, [{ digest: partition.digest, frame }], ttlMs);
      this.#stored.push({ ...partition, storedBytes: frame.byteLength });
      this.#wake();
    };
    // Edges of another declaration may be those of another field, or of another number of quantiles.
    const quantileEdges = former?.declaration === declared.declaration ? former.quantileEdges : undefined;
    const summary = await runIngest({
      plan: { scope, settings: declared.settings, limits, baseDir, quantileEdges },
      documents: this.#counted(task.documents),
      signal,
      slots: limits,
      ruleTimeoutMs: limits.ruleTimeoutMs,
      store: keep,
    });
    return this.#finished(declared, version, summary);
  }

  #finished(declared: DeclaredDataset, version: string, summary: IngestSummary): CutDataset {
    const { counts, keyNames, order, quantileEdges } = summary;
    const byName = new Map(this.#stored.map((partition) => [partition.name, partition]));
    return {
      dataset: declared.name,
      scope: declared.key.scope,
      version,
      declaration: declared.declaration,
      ...counts,
      keyNames,
      fields: mergeStatistics(this.#stored.map(({ statistics }) => statistics)),
      quantileEdges,
      partitions: order.flatMap((name) => byName.get(name) ?? []),
    };
  }
}

function hex(digest: Uint8Array): string {
  return Buffer.from(digest).toString('hex');
}
