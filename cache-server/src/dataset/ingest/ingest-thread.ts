/** The thread of one ingest as the server sees it: commands in, partitions and the end of it out. */
import { Worker } from 'node:worker_threads';
import { DatasetError } from '../dataset-error.ts';
import type {
  CutPartition,
  IngestCommand,
  IngestEvent,
  IngestPlan,
  IngestStart,
  IngestSummary,
} from './ingest-plan.ts';
import { rulesOf, RuleWatch } from './rule-watch.ts';

/** What a thread is for. */
export interface IngestThreadOptions {
  readonly plan: IngestPlan;
  readonly signal: AbortSignal;
  /** How long one call of a rule of the operator's own may take. */
  readonly ruleTimeoutMs: number;
  readonly store: (partition: CutPartition) => Promise<void>;
}

const YOUNG_GENERATION_MB = 24;

/** Commands that may be on their way to the worker. */
const COMMANDS_AHEAD = 4;

/** What a thread takes that cuts nothing yet, and one partition on its way out. */
const HEAP_BASE_MB = 64;
/** Beside the records that are held there are those being parsed, encoded and collected. */
const HEAP_FACTOR = 1;
/** Where much is held, what is being collected outgrows the base. */
const LARGE_HEAP_FACTOR = 1.5;

/** A thread that has started and waits for its plan: starting one takes longer than cutting a small dataset. */
let warm: { readonly worker: Worker; readonly ingestBytesMax: number } | undefined;

function startWorker(ingestBytesMax: number): Worker {
  const mb = ingestBytesMax / 1024 ** 2;
  const worker = new Worker(new URL('./ingest-worker.ts', import.meta.url), {
    resourceLimits: {
      // Records live long enough to be copied out of a small young generation again and again.
      maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
      // Also what makes V8 collect: left to itself it would let garbage grow with the machine.
      maxOldGenerationSizeMb: Math.ceil(Math.max(HEAP_BASE_MB + HEAP_FACTOR * mb, LARGE_HEAP_FACTOR * mb)),
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

/** One thread, from its plan to its end. */
export class IngestThread {
  readonly #options: IngestThreadOptions;
  readonly #worker: Worker;
  readonly #done = Promise.withResolvers<IngestSummary>();
  readonly #failed = Promise.withResolvers<never>();
  readonly #rules: string;
  readonly #ruleWatch: RuleWatch;
  readonly #watchTimer: NodeJS.Timeout | undefined;
  #ahead = 0;
  #onTaken: (() => void) | undefined;

  constructor(options: IngestThreadOptions) {
    const { plan, signal, ruleTimeoutMs } = options;
    this.#options = options;
    this.#rules = rulesOf(plan);
    const lookEveryMs = Math.max(20, ruleTimeoutMs / 10);
    this.#ruleWatch = new RuleWatch(lookEveryMs);
    this.#worker = takeWorker(plan.limits.ingestBytesMax);
    this.#worker.postMessage({ plan, ruleMemory: this.#ruleWatch.memory } satisfies IngestStart);
    this.#failed.promise.catch(() => undefined);
    this.#done.promise.catch(() => undefined);
    this.#worker.on('message', (event: IngestEvent) => this.#hear(event));
    this.#worker.on('error', (error: unknown) => this.#fail(this.#deathOf(error)));
    this.#worker.on('exit', (code) => this.#fail(this.#exitOf(code)));
    signal.addEventListener('abort', this.#abort, { once: true });
    if (signal.aborted) this.#abort();
    if (this.#rules !== '') this.#watchTimer = setInterval(() => this.#checkRules(), lookEveryMs);
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
    this.#ahead += 1;
    this.#worker.postMessage(command, transfer);
  }

  async end(): Promise<void> {
    const { signal, plan } = this.#options;
    clearInterval(this.#watchTimer);
    signal.removeEventListener('abort', this.#abort);
    await this.#worker.terminate();
    warmUpIngest(plan.limits.ingestBytesMax);
  }

  readonly #abort = (): void => this.#fail(this.#options.signal.reason);

  #hear(event: IngestEvent): void {
    switch (event.kind) {
      case 'taken':
        this.#ahead -= 1;
        this.#onTaken?.();
        return;
      case 'partition':
        this.#options.store(event.partition).then(
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

  #checkRules(): void {
    const { ruleTimeoutMs } = this.#options;
    if (this.#ruleWatch.stuckMs(performance.now()) < ruleTimeoutMs) return;
    this.#fail(this.#ruleFailure(`did not return within limits.ruleTimeoutMs ${ruleTimeoutMs}`));
  }

  /** A thread that ran out of memory takes nothing else along; what else nobody caught is a rule's. */
  #deathOf(error: unknown): unknown {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
      const what = 'its records take more memory than limits.ingestBytesMax allows for';
      return new DatasetError('limit-exceeded', what, { cause: error });
    }
    if (this.#rules === '') return error;
    const why = error instanceof Error ? error.message : String(error);
    return this.#ruleFailure(`fails outside of its call: ${why}`, error);
  }

  #exitOf(code: number): Error {
    const what = `ended the thread with code ${code}`;
    return this.#rules === ''
      ? new Error(`the thread that cuts the dataset ended with code ${code}`)
      : this.#ruleFailure(what);
  }

  #ruleFailure(what: string, cause?: unknown): DatasetError {
    return new DatasetError('bad-rule', `${this.#rules} ${what}${this.#ruleWatch.place}`, { cause });
  }
}
