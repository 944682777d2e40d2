/**
 * The thread that selects rows and fields for readers: decoding and encoding 4 MiB of records takes 130 ms, which the thread that serves
 * all readers does not have. One for the process, started by the first read that needs it.
 */
import { Worker } from 'node:worker_threads';
import { abortable } from '@pannier/runtime';
import { cutFrame } from './cut-frame.ts';
import type { CutDownFrame, FrameCut } from './cut-frame.ts';
import { conditionCount } from './record-filter.ts';

/** To the thread. */
export type SelectionCommand =
  | { readonly kind: 'cut'; readonly id: number; readonly cut: FrameCut }
  | { readonly kind: 'leave'; readonly id: number };

/** From the thread: one for each `cut`. */
export type SelectionEvent =
  | ({ readonly kind: 'cut'; readonly id: number } & CutDownFrame)
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };

/** A partition and what is known of it before it is decoded. */
export interface SelectionTask {
  readonly cut: FrameCut;
  readonly records: number;
  readonly contentBytes: number;
}

/** Up to here, in bytes, a partition is decoded, filtered and encoded in about 2 ms: the way to the thread would take as long. */
const SMALL_CONTENT_BYTES_MAX = 32 * 1024;
const SMALL_CONDITION_RECORDS_MAX = 10_000;
/** Content that is in the thread at a time, in bytes; decoded it takes several times as much. One partition may be larger. */
const CONTENT_AHEAD_BYTES_MAX = 32 * 1024 * 1024;

/** Selects rows and fields of a partition. Rejects with the signal's reason, or when the partition cannot be decoded. */
export async function selectFrom(task: SelectionTask, signal: AbortSignal): Promise<CutDownFrame> {
  signal.throwIfAborted();
  return isSmall(task) ? await cutFrame(task.cut, signal) : await thread.run(task, signal);
}

function isSmall({ cut: { filter }, records, contentBytes }: SelectionTask): boolean {
  const conditions = filter === undefined ? 0 : conditionCount(filter);
  return contentBytes <= SMALL_CONTENT_BYTES_MAX && conditions * records <= SMALL_CONDITION_RECORDS_MAX;
}

interface Pending {
  readonly contentBytes: number;
  readonly result: PromiseWithResolvers<CutDownFrame>;
}

class SelectionThread {
  #worker: Worker | undefined;
  #lastId = 0;
  #contentBytes = 0;
  readonly #pending = new Map<number, Pending>();
  #waiting: (() => void)[] = [];

  async run({ cut, contentBytes }: SelectionTask, signal: AbortSignal): Promise<CutDownFrame> {
    while (this.#pending.size > 0 && this.#contentBytes + contentBytes > CONTENT_AHEAD_BYTES_MAX)
      await abortable(new Promise<void>((resolve) => this.#waiting.push(resolve)), signal);
    const id = (this.#lastId += 1);
    const result = Promise.withResolvers<CutDownFrame>();
    result.promise.catch(() => undefined);
    this.#pending.set(id, { contentBytes, result });
    this.#contentBytes += contentBytes;
    // Frames are shared, and may be views of much more.
    const [frame, digest] = [new Uint8Array(cut.frame), new Uint8Array(cut.digest)];
    const worker = this.#started();
    worker.postMessage({ kind: 'cut', id, cut: { ...cut, frame, digest } }, [frame.buffer, digest.buffer]);
    try {
      return await abortable(result.promise, signal);
    } catch (error) {
      // What was left counts until the thread has noticed.
      if (this.#pending.has(id)) worker.postMessage({ kind: 'leave', id } satisfies SelectionCommand);
      throw error;
    }
  }

  #started(): Worker {
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    return worker;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./selection-worker.ts', import.meta.url));
    worker.on('message', (event: SelectionEvent) => this.#hear(event));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', () => this.#lose(worker, new Error('the thread that selects rows ended')));
    return worker;
  }

  #hear(event: SelectionEvent): void {
    const task = this.#pending.get(event.id);
    if (task === undefined) return;
    if (event.kind === 'failed') task.result.reject(new Error(event.message));
    else task.result.resolve({ records: event.records, digest: event.digest, frame: event.frame });
    this.#forget(event.id, task);
    // A thread without work keeps no process.
    if (this.#pending.size === 0) this.#worker?.unref();
  }

  /** The next read starts another one. */
  #lose(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const [id, task] of this.#pending) {
      task.result.reject(error);
      this.#forget(id, task);
    }
  }

  #forget(id: number, { contentBytes }: Pending): void {
    this.#pending.delete(id);
    this.#contentBytes -= contentBytes;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

const thread = new SelectionThread();
