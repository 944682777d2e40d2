/** One lookup on one Exchange stream, from its queueing to its answer. */
import { PannierError } from '../errors.ts';
import type { ExchangeAnswer, ResponseHeadInfo } from './exchange-wire.ts';
import type { LookupRequest } from './lookup-answer.ts';
import type { CallLimits } from './transport.ts';

/** How the promise of a lookup is settled. */
export interface LookupSettling {
  resolve(answer: ExchangeAnswer): void;
  reject(reason: unknown): void;
}

/** Longest wait for a credit when the caller sets no deadline, in milliseconds. */
const CREDIT_WAIT_MS = 30_000;

/** A lookup that waits for credits, then for its answer. Times in milliseconds. */
export class PendingLookup {
  readonly id: bigint;
  readonly request: LookupRequest;
  /** The head, once it has come before its body. */
  head: ResponseHeadInfo | undefined;
  acknowledged = false;
  /** On the stream's stall-free clock: when it was sent, or last gave a sign of life. */
  lastSignMs = 0;
  readonly #deadlineMs: number | undefined;
  readonly #startedMs = performance.now();
  readonly #settling: LookupSettling;
  readonly #signal: AbortSignal | undefined;
  #sent = false;
  #onAbort: (() => void) | undefined;

  constructor(what: { id: bigint; request: LookupRequest; limits: CallLimits }, settling: LookupSettling) {
    this.id = what.id;
    this.request = what.request;
    this.#deadlineMs = what.limits.deadlineMs;
    this.#signal = what.limits.signal;
    this.#settling = settling;
  }

  get sent(): boolean {
    return this.#sent;
  }

  /** Marks it as sent; returns what is left of its deadline for the server, 0 when there is none. */
  markSent(clockMs: number): number {
    this.#sent = true;
    this.lastSignMs = clockMs;
    if (this.#deadlineMs === undefined) return 0;
    return Math.max(1, Math.round(this.#deadlineMs - (performance.now() - this.#startedMs)));
  }

  /** Calls back, once, when the caller gives up. */
  watchAbort(onAbort: (reason: unknown) => void): void {
    const signal = this.#signal;
    if (signal === undefined) return;
    this.#onAbort = () => onAbort(signal.reason);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** The failure of a lookup whose time is up, else undefined. */
  overdue(): PannierError | undefined {
    const limitMs = this.#deadlineMs ?? (this.#sent ? Number.POSITIVE_INFINITY : CREDIT_WAIT_MS);
    const waitedMs = performance.now() - this.#startedMs;
    if (waitedMs < limitMs) return undefined;
    const what = this.#sent ? 'no head of a response' : 'no credit to ask';
    return new PannierError('deadline', `${what} within ${Math.round(limitMs)} ms`, { httpStatus: 504 });
  }

  resolve(answer: ExchangeAnswer): void {
    this.#unwatch();
    this.#settling.resolve(answer);
  }

  reject(reason: unknown): void {
    this.#unwatch();
    this.#settling.reject(reason);
  }

  #unwatch(): void {
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}
