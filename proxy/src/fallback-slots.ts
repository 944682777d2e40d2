/**
 * While no cache server answers, nobody counts what all proxies together ask of an upstream. With `fallback: limited` each of them keeps to its
 * own part of what the upstream's operator allows: first come, first served, and who would wait too long is sent away.
 */
import { ProxyError } from './errors.ts';
import type { FallbackShare } from './fallback-share.ts';
import type { UpstreamRoute } from './upstream-route.ts';

/** Gives a slot back; more than once does no harm. */
export type GiveBack = () => void;

interface Waiter {
  begin(): void;
  refuse(error: unknown): void;
}

/** A server that was lost is tried again every few seconds. */
const RETRY_AFTER_MS = 5_000;

/** The parts of all upstreams. */
export class FallbackSlots {
  readonly #byUpstream = new Map<string, UpstreamSlots>();

  /**
   * Waits until this proxy may ask an upstream by itself; at once where that is not limited.
   *
   * @throws ProxyError `upstream-limited` when too many wait already, or it waited too long; the signal's reason
   */
  async take(
    { fallbackShare: share }: Pick<UpstreamRoute, 'fallbackShare'>,
    signal: AbortSignal,
  ): Promise<GiveBack> {
    if (share === undefined) return () => undefined;
    const slots = this.#byUpstream.get(share.upstream) ?? new UpstreamSlots(share);
    this.#byUpstream.set(share.upstream, slots);
    return await slots.take(signal);
  }
}

class UpstreamSlots {
  readonly #share: FallbackShare;
  /** In the order of their arrival. */
  readonly #waiting = new Set<Waiter>();
  #running = 0;
  /** When the next request would be due that no burst brings forward; by `performance.now()`. */
  #dueAtMs = -Infinity;
  #isToWake = false;

  constructor(share: FallbackShare) {
    this.#share = share;
  }

  async take(signal: AbortSignal): Promise<GiveBack> {
    signal.throwIfAborted();
    const { queueMax, queueTimeoutMs } = this.#share;
    const turn = Promise.withResolvers<GiveBack>();
    const waiter = { begin: () => turn.resolve(this.#begin()), refuse: turn.reject };
    this.#waiting.add(waiter);
    this.#admit();
    if (this.#waiting.has(waiter) && this.#waiting.size > queueMax)
      this.#refuse(waiter, `${queueMax} requests wait for it already`);
    const timer = setTimeout(
      () => this.#refuse(waiter, `no turn within ${queueTimeoutMs} ms`),
      queueTimeoutMs,
    );
    const left = (): void => {
      if (this.#waiting.delete(waiter)) waiter.refuse(signal.reason);
    };
    signal.addEventListener('abort', left, { once: true });
    try {
      return await turn.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', left);
    }
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      if (this.#running >= this.#share.runningMax) return;
      const pauseMs = this.#pauseMs();
      if (pauseMs > 0) return this.#wakeAfter(pauseMs);
      this.#waiting.delete(waiter);
      waiter.begin();
    }
  }

  #begin(): GiveBack {
    this.#running += 1;
    this.#dueAtMs = Math.max(performance.now(), this.#dueAtMs) + this.#share.spacingMs;
    let isGivenBack = false;
    return () => {
      if (isGivenBack) return;
      isGivenBack = true;
      this.#running -= 1;
      this.#admit();
    };
  }

  #pauseMs(): number {
    const { spacingMs, burst } = this.#share;
    return this.#dueAtMs - (burst - 1) * spacingMs - performance.now();
  }

  #wakeAfter(ms: number): void {
    if (this.#isToWake) return;
    this.#isToWake = true;
    setTimeout(() => {
      this.#isToWake = false;
      this.#admit();
    }, Math.ceil(ms));
  }

  #refuse(waiter: Waiter, why: string): void {
    if (!this.#waiting.delete(waiter)) return;
    const { upstream } = this.#share;
    const message = `no cache server answers, and upstream ${upstream} is asked only by this proxy's part of its limits: ${why}`;
    waiter.refuse(new ProxyError('upstream-limited', message, { retryAfterMs: RETRY_AFTER_MS }));
  }
}
