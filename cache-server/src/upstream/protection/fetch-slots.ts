/**
 * Who may ask an upstream now: first come, first served, within its cap and its rate. With a share the servers agree on both; while
 * it does not answer, each of them goes by its own part.
 */
import type { Clock } from '../../clock.ts';
import { CacheServerError } from '../../errors.ts';
import type { ProtectionSettings } from './protection-settings.ts';
import { REPORT_EVERY_MS } from './protection-share.ts';
import type { ProtectionShare, ShareGrant } from './protection-share.ts';
import { tokenIntervalMs, TokenBucket } from './token-bucket.ts';

/** Settings of {@link FetchSlots}. */
export interface FetchSlotsOptions {
  readonly upstream: string;
  readonly settings: Pick<ProtectionSettings, 'concurrencyMax' | 'rate' | 'queueMax' | 'queueTimeoutMs'>;
  readonly clock: Clock;
  readonly share: ProtectionShare | undefined;
  /** How many servers divide the upstream while the share does not answer. */
  readonly servers: () => number;
  /** Told after `queued` or `running` changed. */
  readonly onChange: () => void;
  /** Told that the share did not answer. */
  readonly onAway: (error: unknown) => void;
}

interface Waiter {
  readonly sinceMs: number;
  readonly begin: () => void;
  readonly refuse: (error: unknown) => void;
}

/** A share that takes longer than this is taken for gone, and left alone for a moment, in milliseconds. */
const SHARE_TIMEOUT_MS = 300;
const SHARE_AWAY_MS = 1000;
const RETRY_AFTER_MS_MIN = 1000;
const RETRY_AFTER_MS_MAX = 60_000;

/** See the head of this file. */
export class FetchSlots {
  readonly #options: FetchSlotsOptions;
  readonly #bucket: TokenBucket | undefined;
  /** In the order of their arrival. */
  readonly #waiting = new Set<Waiter>();
  #running = 0;
  #isTelling = false;
  #tellsAgain = false;
  #awayUntilMs = -Infinity;
  #cancelWake: () => void = () => undefined;

  constructor(options: FetchSlotsOptions) {
    this.#options = options;
    const { settings, clock } = options;
    this.#bucket = settings.rate && new TokenBucket(settings.rate, clock.now());
  }

  get queued(): number {
    return this.#waiting.size;
  }

  get running(): number {
    return this.#running;
  }

  /**
   * Waits for its turn.
   *
   * @returns gives the slot back
   * @throws CacheServerError `upstream-limited` when too many wait already, or it waited too long; what {@link refuseAll} was
   *   called with; the signal's reason
   */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const { settings, clock } = this.#options;
    const { concurrencyMax, rate, queueMax, queueTimeoutMs } = settings;
    if (concurrencyMax === undefined && rate === undefined) return this.#begin();
    // Also who may begin at once waits for a moment here: those are not of the queue yet.
    const roomAtOnce = concurrencyMax ?? rate?.burst ?? 0;
    if (this.#waiting.size >= queueMax + roomAtOnce) throw this.#full();
    const turn = Promise.withResolvers<() => void>();
    const waiter: Waiter = {
      sinceMs: clock.now(),
      begin: () => turn.resolve(this.#begin()),
      refuse: turn.reject,
    };
    const left = (): void => this.#drop(waiter, signal.reason);
    signal.addEventListener('abort', left, { once: true });
    const cancelTimeout = clock.after(queueTimeoutMs, () => this.#drop(waiter, this.#overdue()));
    this.#waiting.add(waiter);
    this.#options.onChange();
    this.#pump();
    try {
      return await turn.promise;
    } finally {
      cancelTimeout();
      signal.removeEventListener('abort', left);
    }
  }

  /** Sends everybody away who waits. */
  refuseAll(reason: () => unknown): void {
    for (const waiter of this.#waiting) this.#drop(waiter, reason());
  }

  close(): void {
    this.#cancelWake();
    this.refuseAll(() => new CacheServerError('draining', 'the server stops'));
  }

  #begin(): () => void {
    this.#running += 1;
    this.#options.onChange();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#running -= 1;
      this.#options.onChange();
      this.#pump();
    };
  }

  #drop(waiter: Waiter, reason: unknown): void {
    if (!this.#waiting.delete(waiter)) return;
    waiter.refuse(reason);
    this.#options.onChange();
  }

  #beginFirst(): void {
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter);
      waiter.begin();
      return;
    }
  }

  #pump(): void {
    const { settings, share, clock } = this.#options;
    if (settings.concurrencyMax === undefined && settings.rate === undefined) return;
    if (share !== undefined && clock.now() >= this.#awayUntilMs) {
      if (this.#isTelling) this.#tellsAgain = true;
      else void this.#agree(share);
    } else this.#grantAlone();
  }

  /** Tells the share how it stands here and begins what it grants, until both are even. Never rejects. */
  async #agree(share: ProtectionShare): Promise<void> {
    this.#isTelling = true;
    try {
      do {
        this.#tellsAgain = false;
        this.#cancelWake();
        const { granted, retryInMs } = await this.#tell(share);
        // Some may have left meanwhile: what they were granted is given back with the next report.
        if (granted > this.#waiting.size) this.#tellsAgain = true;
        for (let count = 0; count < granted; count += 1) this.#beginFirst();
        this.#trim();
        if (this.#waiting.size > 0) this.#wakeIn(Math.min(retryInMs, REPORT_EVERY_MS));
        else if (this.#running > 0) this.#wakeIn(REPORT_EVERY_MS);
      } while (this.#tellsAgain);
    } catch (error) {
      this.#awayUntilMs = this.#options.clock.now() + SHARE_AWAY_MS;
      this.#options.onAway(error);
    } finally {
      this.#isTelling = false;
    }
    if (this.#options.clock.now() < this.#awayUntilMs) this.#grantAlone();
  }

  async #tell(share: ProtectionShare): Promise<ShareGrant> {
    const { upstream, settings, clock } = this.#options;
    const { concurrencyMax, rate } = settings;
    const [first] = this.#waiting;
    const waitedMs = first === undefined ? 0 : clock.now() - first.sinceMs;
    const [running, waiting] = [this.#running, this.#waiting.size];
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(SHARE_TIMEOUT_MS, () =>
      late.reject(new CacheServerError('store', `no word from other servers within ${SHARE_TIMEOUT_MS} ms`)),
    );
    const report = { upstream, running, waiting, waitedMs, concurrencyMax, rate };
    try {
      return await Promise.race([share.report(report), late.promise]);
    } finally {
      cancel();
    }
  }

  /** Alone, or for now: a part of the cap that leaves the others theirs, but at least one at a time. */
  #grantAlone(): void {
    const { settings, clock, share, servers } = this.#options;
    const now = clock.now();
    const part = share === undefined ? 1 : 1 / Math.max(1, servers());
    const max = Math.max(1, Math.floor((settings.concurrencyMax ?? Infinity) * part));
    let tokenInMs = 0;
    while (this.#waiting.size > 0 && this.#running < max) {
      tokenInMs = this.#bucket?.take(now, part) ?? 0;
      if (tokenInMs > 0) break;
      this.#beginFirst();
    }
    this.#trim();
    this.#cancelWake();
    const wakes = [
      ...(this.#waiting.size > 0 && tokenInMs > 0 ? [tokenInMs] : []),
      ...(share !== undefined && this.#waiting.size + this.#running > 0 ? [this.#awayUntilMs - now] : []),
    ];
    if (wakes.length > 0) this.#wakeIn(Math.min(...wakes));
  }

  #wakeIn(ms: number): void {
    this.#cancelWake();
    this.#cancelWake = this.#options.clock.after(Math.max(1, ms), () => this.#pump());
  }

  /** Those who came last are sent away when more wait than may. */
  #trim(): void {
    const { queueMax } = this.#options.settings;
    if (this.#waiting.size <= queueMax) return;
    for (const waiter of [...this.#waiting].slice(queueMax)) this.#drop(waiter, this.#full());
  }

  #full(): CacheServerError {
    const { upstream, settings } = this.#options;
    return this.#refusal(`queueMax ${settings.queueMax} of upstream ${upstream} wait for it already`);
  }

  #overdue(): CacheServerError {
    const { upstream, settings } = this.#options;
    return this.#refusal(`no turn at upstream ${upstream} within queueTimeoutMs ${settings.queueTimeoutMs}`);
  }

  #refusal(message: string): CacheServerError {
    const { rate } = this.#options.settings;
    const drainMs = rate === undefined ? 0 : this.#waiting.size * tokenIntervalMs(rate);
    const retryAfterMs = Math.min(Math.max(drainMs, RETRY_AFTER_MS_MIN), RETRY_AFTER_MS_MAX);
    return new CacheServerError('upstream-limited', message, {
      proxyError: 'connection_limit_reached',
      retryAfterMs,
    });
  }
}
