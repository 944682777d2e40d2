/** What stands before one upstream. A request passes, in this order: breaker and wished-for peace, its turn, a last look, the attempt, another one. */
import { getHeader } from '@pannier/http-semantics';
import type { Clock } from '../../clock.ts';
import { CacheServerError } from '../../errors.ts';
import type { UpstreamResponse } from '../upstream-response.ts';
import type { FetchSlots } from './fetch-slots.ts';
import type { ProtectionCounters, RefusalReason } from './protection-counters.ts';
import type { ProtectionSettings } from './protection-settings.ts';
import { retryAfterMs } from './retry-after.ts';
import type { UpstreamBreaker } from './upstream-breaker.ts';
import type { UpstreamPauses } from './upstream-pauses.ts';

/** What an attempt brings, whatever else comes with it. */
export interface Attempted {
  readonly response: UpstreamResponse;
}

/** A request that is to be made. */
export interface GuardedRequest<A extends Attempted> {
  /** Made when the turn has come, before each attempt; what it throws ends the request, and says nothing of the upstream. */
  readonly look?: (() => Promise<void>) | undefined;
  /** Sends it once and brings the head of the response; ended by the signal, body included. */
  readonly attempt: (signal: AbortSignal) => Promise<A>;
  /** Whether it carries somebody's credentials: what is answered to them concerns nobody else. */
  readonly isPersonal: boolean;
  readonly signal: AbortSignal;
}

/** Settings of {@link UpstreamGuard}. */
export interface GuardOptions {
  readonly upstream: string;
  readonly settings: ProtectionSettings;
  readonly slots: FetchSlots;
  readonly breaker: UpstreamBreaker | undefined;
  readonly pauses: UpstreamPauses;
  readonly counters: ProtectionCounters;
  readonly clock: Clock;
  /** Like Math.random. */
  readonly random: () => number;
}

/** Worth another attempt: https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2 allows it for GET and HEAD. */
const TRANSIENT: ReadonlySet<number> = new Set([502, 503, 504]);
/** With Retry-After they speak for all that the upstream has. */
const PEACE: ReadonlySet<number> = new Set([429, 503]);

/** See the head of this file. */
export class UpstreamGuard {
  readonly #options: GuardOptions;
  #failure: { readonly error: CacheServerError; readonly untilMs: number } | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /**
   * Makes a request when it may be made.
   *
   * @throws CacheServerError `upstream-limited`, `upstream-paused`, what the last attempt throws, or the signal's reason
   */
  async ask<A extends Attempted>(request: GuardedRequest<A>): Promise<A> {
    const { settings, counters, upstream } = this.#options;
    for (let retries = 0; ; retries += 1) {
      const isLast = retries >= settings.retries.max;
      const outcome = await this.#askOnce(request, isLast);
      if ('arrived' in outcome) return outcome.arrived;
      counters.retried(upstream);
      await this.#pause(retries, request.signal);
    }
  }

  /** Sends those away who wait: their upstream is not to be asked any more. */
  refuseWaiting(): void {
    this.#options.slots.refuseAll(() => this.#refusal() ?? new CacheServerError('cancelled', 'refused'));
  }

  async #askOnce<A extends Attempted>(
    { look, attempt, isPersonal, signal }: GuardedRequest<A>,
    isLast: boolean,
  ): Promise<{ arrived: A } | { failed: true }> {
    const { breaker } = this.#options;
    this.#requireAllowed();
    const giveBack = await this.#turn(signal);
    const discarded = new AbortController();
    // Its own signal only where it may be needed: to let go of an answer that is not passed on.
    const own = isLast ? signal : AbortSignal.any([signal, discarded.signal]);
    const send = async (): Promise<A> => await attempt(own);
    let arrived: A;
    try {
      // Outside of the breaker, to which whatever ends without an answer is a failed trial; and it takes a while, so that it comes first.
      await look?.();
      this.#requireAllowed();
      arrived = await (breaker === undefined ? send() : breaker.run(send));
    } catch (error) {
      giveBack();
      if (signal.aborted || !isConnectionFailure(error)) throw error;
      if (!isLast) return { failed: true };
      this.#remember(error);
      throw error;
    }
    const { response } = arrived;
    // Under way until its last byte, however slowly that is read.
    void response.over.then(giveBack);
    const isInPeace = this.#heed(response, isPersonal);
    if (isLast || isInPeace || !TRANSIENT.has(response.status)) return { arrived };
    discarded.abort(new CacheServerError('cancelled', 'asked once more instead'));
    return { failed: true };
  }

  async #turn(signal: AbortSignal): Promise<() => void> {
    try {
      return await this.#options.slots.take(signal);
    } catch (error) {
      if (!signal.aborted && error instanceof CacheServerError) this.#count(error, 'queue');
      throw error;
    }
  }

  #requireAllowed(): void {
    const refusal = this.#refusal();
    if (refusal === undefined) return;
    throw refusal;
  }

  #refusal(): CacheServerError | undefined {
    const { upstream, pauses, breaker, clock } = this.#options;
    const peace = pauses.refusal(upstream);
    if (peace !== undefined) return this.#count(peace, 'peace');
    const broken = breaker?.refusal();
    if (broken !== undefined) return this.#count(broken, 'breaker');
    const failure = this.#failure;
    if (failure === undefined || clock.now() >= failure.untilMs) return undefined;
    const { code, message, proxyError } = failure.error;
    const error = new CacheServerError(code, message, { cause: failure.error, proxyError });
    return this.#count(error, 'failure');
  }

  #count(error: CacheServerError, reason: RefusalReason): CacheServerError {
    this.#options.counters.refused(this.#options.upstream, reason);
    return error;
  }

  #remember(error: CacheServerError): void {
    const { settings, clock } = this.#options;
    // One that was made, and lost, says little of the next one.
    if (settings.failureTtlMs === 0 || error.proxyError === 'connection_terminated') return;
    this.#failure = { error, untilMs: clock.now() + settings.failureTtlMs };
  }

  /** Leaves an upstream in peace that asks for it. */
  #heed({ status, headers }: UpstreamResponse, isPersonal: boolean): boolean {
    const { settings, clock, pauses, upstream } = this.#options;
    this.#failure = undefined;
    if (!PEACE.has(status) || getHeader(headers, 'retry-after') === undefined) return false;
    const askedMs = retryAfterMs(headers, clock.now()) ?? 0;
    const leftMs = Math.min(askedMs, settings.retryAfterMaxMs);
    if (leftMs > 0 && !isPersonal) pauses.pause({ upstream, leftMs, status });
    return leftMs > 0;
  }

  /** Half of it by chance, so that those who failed together do not come back together. */
  async #pause(retries: number, signal: AbortSignal): Promise<void> {
    const { settings, clock, random } = this.#options;
    const delayMs = settings.retries.firstDelayMs * 2 ** retries * (0.5 + random() / 2);
    const over = Promise.withResolvers<void>();
    const cancel = clock.after(delayMs, over.resolve);
    const left = (): void => over.reject(signal.reason);
    signal.addEventListener('abort', left, { once: true });
    try {
      signal.throwIfAborted();
      await over.promise;
    } finally {
      cancel();
      signal.removeEventListener('abort', left);
    }
  }
}

/** Whether it was the connection that failed, before any answer: that may be remembered, and tried again. */
function isConnectionFailure(error: unknown): error is CacheServerError {
  if (!(error instanceof CacheServerError)) return false;
  return error.code === 'upstream-unreachable' || error.proxyError === 'connection_timeout';
}
