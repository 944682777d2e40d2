/** Fetches by the clock what the configuration says, for nobody in particular: one server of a cluster for each time that is due. */
import type { Clock } from '../clock.ts';
import type { RefreshClaims } from './refresh-claims.ts';
import { refreshTimes } from './refresh-times.ts';
import type { NextDue, RefreshRule } from './refresh-times.ts';

/** A rule and the upstream that it belongs to. */
export interface UpstreamRule {
  readonly upstream: string;
  readonly rule: RefreshRule;
}

/** What became of a time that was due at this server; `elsewhere`: another server had taken it. */
export type RefreshOutcome = 'fetched' | 'failed' | 'elsewhere' | 'overrun';

/** Settings of {@link RefreshSchedule}. */
export interface RefreshScheduleOptions {
  readonly rules: readonly UpstreamRule[];
  readonly clock: Clock;
  /** Like Math.random. */
  readonly random: () => number;
  /** Undefined for a server that is alone. */
  readonly claims: RefreshClaims | undefined;
  /** Asks the upstream and stores what it says; ends when it is stored. */
  readonly fetch: (due: UpstreamRule, signal: AbortSignal) => Promise<void>;
  readonly onOutcome: (due: UpstreamRule, outcome: RefreshOutcome, error?: unknown) => void;
}

/** Longest wait of one timer, in milliseconds; what is due later is waited for in several steps. */
const WAIT_MS_MAX = 24 * 3_600_000;
/** How long a time that was taken stays taken beyond the jitter of the slowest server, in milliseconds. */
const CLAIM_MS = 60_000;

/**
 * After which moment the next time is due. A timer may run a moment early, and clocks are set right by a little: what was due then is not due
 * again. Where the clock was set back by more than a claim lasts, what it shows counts, since no rule may pause until it has caught up.
 */
function laterThan(formerMs: number, now: number): number {
  return formerMs - now > CLAIM_MS ? now : Math.max(now, formerMs);
}

/** Runs from its making until it is closed. */
export class RefreshSchedule {
  readonly #options: RefreshScheduleOptions;
  readonly #closed = new AbortController();
  readonly #cancels = new Map<UpstreamRule, () => void>();
  readonly #running = new Set<UpstreamRule>();

  /** @throws when a pattern or a time zone is none */
  constructor(options: RefreshScheduleOptions) {
    this.#options = options;
    for (const due of options.rules) this.#waitForNext(due, refreshTimes(due.rule));
  }

  close(): void {
    this.#closed.abort(new Error('the schedule is closed'));
    for (const cancel of this.#cancels.values()) cancel();
  }

  #waitForNext(due: UpstreamRule, next: NextDue, formerMs = -Infinity): void {
    const dueMs = next(laterThan(formerMs, this.#options.clock.now()));
    if (dueMs === undefined) return;
    const jitterMs = Math.floor(this.#options.random() * due.rule.jitter);
    this.#wait(due, dueMs + jitterMs, () => {
      // The next one first: how long this one takes moves no other.
      this.#waitForNext(due, next, dueMs);
      void this.#run(due, dueMs);
    });
  }

  #wait(due: UpstreamRule, untilMs: number, then: () => void): void {
    const leftMs = untilMs - this.#options.clock.now();
    const isLong = leftMs > WAIT_MS_MAX;
    const step = (): void => (isLong ? this.#wait(due, untilMs, then) : then());
    this.#cancels.set(due, this.#options.clock.after(Math.max(0, Math.min(leftMs, WAIT_MS_MAX)), step));
  }

  /** Never rejects. */
  async #run(due: UpstreamRule, dueMs: number): Promise<void> {
    const { fetch, onOutcome } = this.#options;
    // Whoever is slower than his own schedule does not ask twice at once.
    if (this.#running.has(due)) return onOutcome(due, 'overrun');
    this.#running.add(due);
    try {
      if (!(await this.#isOurs(due, dueMs))) return onOutcome(due, 'elsewhere');
      await fetch(due, this.#closed.signal);
      onOutcome(due, 'fetched');
    } catch (error) {
      if (!this.#closed.signal.aborted) onOutcome(due, 'failed', error);
    } finally {
      this.#running.delete(due);
    }
  }

  /** When it cannot be told, every server fetches: rather once too often than not at all. */
  async #isOurs({ upstream, rule }: UpstreamRule, dueMs: number): Promise<boolean> {
    const { claims } = this.#options;
    if (claims === undefined) return true;
    const name = JSON.stringify([upstream, rule.path, rule.headers, dueMs]);
    return await claims.claim(name, rule.jitter + CLAIM_MS).catch(() => true);
  }
}
