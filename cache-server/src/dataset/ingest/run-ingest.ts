/** The server's side of an ingest: feeds the worker with documents, and stores the partitions that come back. */
import { Worker } from 'node:worker_threads';
import type { BodyPart } from '../../entry-answer.ts';
import { DatasetError } from '../dataset-error.ts';
import type { CutPartition, IngestCommand, IngestEvent, IngestPlan, IngestSummary } from './ingest-plan.ts';

/** One document of a dataset. */
export interface IngestDocument {
  /** Of the response; '' for none. */
  readonly contentEncoding: string;
  /** Its bytes as they arrive, or as they are stored. */
  readonly parts: AsyncIterable<BodyPart>;
}

/** An ingest. */
export interface IngestRun {
  readonly plan: IngestPlan;
  readonly documents: AsyncIterable<IngestDocument>;
  readonly signal: AbortSignal;
  /** How long the worker may be silent while it has something to do, where rules of the operator's own run in it. */
  readonly ruleTimeoutMs: number;
  /** Stores a partition. */
  readonly store: (partition: CutPartition) => Promise<void>;
}

const YOUNG_GENERATION_MB = 24;

/** Commands that may be on their way to the worker. */
const COMMANDS_AHEAD = 4;

/** Cuts documents into stored partitions. Nothing is published here. */
export async function runIngest(run: IngestRun): Promise<IngestSummary> {
  const thread = new IngestThread(run);
  try {
    await Promise.race([feed(run, thread), thread.failed]);
    return await thread.done;
  } finally {
    await thread.end();
  }
}

async function feed({ documents }: IngestRun, thread: IngestThread): Promise<void> {
  for await (const { contentEncoding, parts } of documents) {
    await thread.tell({ kind: 'document', contentEncoding });
    for await (const part of parts) {
      if (part.kind === 'frame') {
        const { scope, digest, frame, skipBytes } = part;
        await thread.tell({
          kind: 'frame',
          frame: { scope, digest: own(digest), frame: own(frame), skipBytes },
        });
      } else {
        // The memory belongs to the flight, and a view would take all of it along to the thread.
        const bytes = new Uint8Array(part.bytes);
        await thread.tell({ kind: 'bytes', bytes }, [bytes.buffer]);
      }
    }
    await thread.tell({ kind: 'document-end' });
  }
  await thread.tell({ kind: 'end' });
}

/** Bytes without the larger memory that they may be a view of. */
function own(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

/** A thread that has started and waits for its plan: starting one takes longer than cutting a small dataset. */
let warm: { readonly worker: Worker; readonly ingestBytesMax: number } | undefined;

/** Beside the records that are held there are those being parsed, encoded and collected. */
const HEAP_FACTOR = 1.75;

function startWorker(ingestBytesMax: number): Worker {
  const worker = new Worker(new URL('./ingest-worker.ts', import.meta.url), {
    resourceLimits: {
      // Records live long enough to be copied out of a small young generation again and again.
      maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
      // Also what makes V8 collect: left to itself it would let garbage grow with the machine.
      maxOldGenerationSizeMb: Math.ceil((HEAP_FACTOR * ingestBytesMax) / 1024 ** 2),
    },
  });
  worker.unref();
  return worker;
}

/** Starts a thread ahead of an ingest. */
export function warmUpIngest(ingestBytesMax: number): void {
  if (warm !== undefined) return;
  const worker = startWorker(ingestBytesMax);
  warm = { worker, ingestBytesMax };
  const forget = (): void => {
    if (warm?.worker === worker) warm = undefined;
  };
  worker.once('error', forget).once('exit', forget);
}

function takeWorker(ingestBytesMax: number): Worker {
  const worker = warm?.ingestBytesMax === ingestBytesMax ? warm.worker : startWorker(ingestBytesMax);
  if (worker === warm?.worker) warm = undefined;
  worker.removeAllListeners();
  worker.ref();
  return worker;
}

class IngestThread {
  readonly #run: IngestRun;
  readonly #worker: Worker;
  readonly #done = Promise.withResolvers<IngestSummary>();
  readonly #failed = Promise.withResolvers<never>();
  readonly #watch: NodeJS.Timeout;
  #ahead = 0;
  #isReady = false;
  #onTaken: (() => void) | undefined;
  #heardMs = performance.now();

  constructor(run: IngestRun) {
    this.#run = run;
    this.#worker = takeWorker(run.plan.limits.ingestBytesMax);
    this.#worker.postMessage(run.plan);
    this.#failed.promise.catch(() => undefined);
    this.#done.promise.catch(() => undefined);
    this.#worker.on('message', (event: IngestEvent) => this.#hear(event));
    this.#worker.on('error', (error) => this.#fail(asDatasetError(error)));
    this.#worker.on('exit', () => this.#fail(new Error('the ingest worker ended')));
    run.signal.addEventListener('abort', this.#abort, { once: true });
    if (run.signal.aborted) this.#abort();
    this.#watch = setInterval(() => this.#checkSilence(), Math.max(50, run.ruleTimeoutMs / 10));
  }

  /** Rejects with what ended the ingest. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  get done(): Promise<IngestSummary> {
    return this.#done.promise;
  }

  /** Sends a command; waits while the worker is behind. */
  async tell(command: IngestCommand, transfer: ArrayBuffer[] = []): Promise<void> {
    while (this.#ahead >= COMMANDS_AHEAD) {
      await Promise.race([new Promise<void>((resolve) => (this.#onTaken = resolve)), this.failed]);
    }
    if (this.#ahead === 0) this.#heardMs = performance.now();
    this.#ahead += 1;
    this.#worker.postMessage(command, transfer);
  }

  async end(): Promise<void> {
    clearInterval(this.#watch);
    this.#run.signal.removeEventListener('abort', this.#abort);
    await this.#worker.terminate();
    warmUpIngest(this.#run.plan.limits.ingestBytesMax);
  }

  readonly #abort = (): void => this.#fail(this.#run.signal.reason);

  #hear(event: IngestEvent): void {
    this.#heardMs = performance.now();
    switch (event.kind) {
      case 'ready':
        this.#isReady = true;
        return;
      case 'taken':
        this.#ahead -= 1;
        this.#onTaken?.();
        return;
      case 'partition':
        this.#run.store(event.partition).then(
          () => this.#worker.postMessage({ kind: 'stored' } satisfies IngestCommand),
          (error: unknown) => this.#fail(error),
        );
        return;
      case 'done':
        this.#done.resolve(event);
        return;
      case 'failed':
        this.#fail(
          event.code === 'internal' ? new Error(event.message) : new DatasetError(event.code, event.message),
        );
    }
  }

  #fail(error: unknown): void {
    this.#failed.reject(error);
    this.#done.reject(error);
    this.#onTaken?.();
  }

  #checkSilence(): void {
    const { ruleTimeoutMs, plan } = this.#run;
    const rules = rulesOf(plan);
    if (
      rules === '' ||
      !this.#isReady ||
      this.#ahead === 0 ||
      performance.now() - this.#heardMs < ruleTimeoutMs
    )
      return;
    const what = `${rules} did not return within limits.ruleTimeoutMs ${ruleTimeoutMs}`;
    this.#fail(new DatasetError('bad-rule', what));
  }
}

/** A thread that ran out of memory takes nothing else along. */
function asDatasetError(error: Error): Error {
  if (!('code' in error) || error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  const what = 'its records take more memory than limits.ingestBytesMax allows for';
  return new DatasetError('limit-exceeded', what, { cause: error });
}

/** Names of the operator's own rules in a plan, which may never return; '' for none. */
function rulesOf({ settings: { transform, partitionBy } }: IngestPlan): string {
  const names: string[] = [];
  if (transform?.module !== undefined) names.push(`module ${transform.module}`);
  if (transform?.expression !== undefined) names.push('the transform');
  for (const level of [partitionBy].flat()) {
    if ('custom' in level) names.push(`module ${level.custom.module}`);
    if ('predicate' in level) names.push('a predicate');
  }
  return names.join(' or ');
}
