/**
 * One Exchange stream: lookups come in by number, answers go out by number. A lookup that is not answered at once is acknowledged, and
 * shows a sign of life at least every `heartbeatMs`, so that a client can tell a slow upstream from a dead server.
 */
import type { ClientFrame, LookupFrame } from '@pannier/proto';
import type { Caller, EntryAnswer, EntryRequest } from '../entry/entry-answer.ts';
import { CacheServerError } from '../errors.ts';
import { FrameOutbox } from './frame-outbox.ts';
import type { FrameSink } from './frame-outbox.ts';
import { errorFrame } from './rpc-error.ts';
import type { TicketTable } from './ticket-table.ts';
import { entryRequest, headFrame } from './wire.ts';

/** What a stream needs. */
export interface ExchangeDeps {
  getEntry(request: EntryRequest, caller: Caller, signal: AbortSignal): Promise<EntryAnswer>;
  readonly tickets: TicketTable;
  readonly limits: {
    readonly lookupsPerStreamMax: number;
    readonly heartbeatMs: number;
    readonly fetchDeadlineMs: number;
  };
  /** Milliseconds that never go back. */
  now(): number;
  /** Counts a frame that breaks the contract. */
  onProtocolError(): void;
}

interface Lookup {
  readonly controller: AbortController;
  readonly startedMs: number;
  readonly deadlineMs: number;
  acknowledged: boolean;
  lastSignMs: number;
}

/** How often waiting lookups are looked after, in milliseconds; an ack is due within 250. */
const SWEEP_MS = 25;

/** One stream's lookups, from its first frame to its end. */
export class ExchangeStream {
  readonly #deps: ExchangeDeps;
  readonly #caller: Caller;
  readonly #outbox: FrameOutbox;
  readonly #lookups = new Map<bigint, Lookup>();
  readonly #sweep: NodeJS.Timeout;
  #creditsToReturn = 0;

  constructor(sink: FrameSink, caller: Caller, deps: ExchangeDeps) {
    this.#deps = deps;
    this.#caller = caller;
    this.#outbox = new FrameOutbox(sink);
    this.#sweep = setInterval(() => this.#lookAfter(), SWEEP_MS);
    this.#outbox.push({
      id: 0n,
      frame: { case: 'credit', value: { lookups: deps.limits.lookupsPerStreamMax } },
    });
  }

  /** Number of lookups under way. */
  get waiting(): number {
    return this.#lookups.size;
  }

  /** Takes one frame of the client. */
  accept({ id, frame }: ClientFrame): void {
    if (frame.case === 'lookup') this.#begin(id, frame.value);
    else if (frame.case === 'cancel')
      this.#lookups.get(id)?.controller.abort(new CacheServerError('cancelled', 'the caller cancelled'));
    else this.#deps.onProtocolError();
  }

  /** Tells the client to send its next lookups elsewhere. */
  announceDraining(graceMs: number): void {
    this.#outbox.push({ id: 0n, frame: { case: 'draining', value: { graceMs } } });
  }

  /** Ends every lookup; the flights behind them go on or not by their own rules. */
  close(): void {
    clearInterval(this.#sweep);
    for (const { controller } of this.#lookups.values()) {
      controller.abort(new CacheServerError('cancelled', 'the exchange stream ended'));
    }
  }

  #begin(id: bigint, frame: LookupFrame): void {
    if (id === 0n || this.#lookups.has(id)) {
      this.#fail(id, new CacheServerError('bad-request', `lookup ${id}: 0 or in use already`));
      return;
    }
    if (this.#lookups.size >= this.#deps.limits.lookupsPerStreamMax) {
      const limit = this.#deps.limits.lookupsPerStreamMax;
      this.#fail(
        id,
        new CacheServerError(
          'limit-exceeded',
          `limits.lookupsPerStreamMax ${limit} is reached: wait for credits`,
        ),
      );
      return;
    }
    const startedMs = this.#deps.now();
    const waitMs = frame.deadlineMs === 0 ? this.#deps.limits.fetchDeadlineMs : frame.deadlineMs;
    const controller = new AbortController();
    this.#lookups.set(id, {
      controller,
      startedMs,
      deadlineMs: startedMs + waitMs,
      acknowledged: false,
      lastSignMs: startedMs,
    });
    this.#answer(id, frame, controller.signal)
      .catch((error: unknown) => this.#fail(id, error))
      .finally(() => this.#finish(id));
  }

  async #answer(id: bigint, frame: LookupFrame, signal: AbortSignal): Promise<void> {
    const answer = await this.#deps.getEntry(entryRequest(frame.request), this.#caller, signal);
    if (answer.kind === 'bypass') {
      const value = { reason: answer.outcome, rememberOriginMs: answer.rememberOriginMs };
      this.#outbox.push({ id, frame: { case: 'bypass', value } });
      return;
    }
    if (signal.aborted) {
      answer.body.release();
      throw signal.reason;
    }
    this.#outbox.push({ id, frame: { case: 'head', value: headFrame(answer) } });
    if (answer.body.inline !== undefined) {
      this.#outbox.push({ id, frame: { case: 'body', value: { data: answer.body.inline } } });
      return;
    }
    const key = answer.key?.text ?? '';
    this.#deps.tickets.put(this.#caller, key, answer.body);
    this.#outbox.push({
      id,
      frame: { case: 'ticket', value: { ticket: { key, version: answer.body.version } } },
    });
  }

  #fail(id: bigint, error: unknown): void {
    this.#outbox.push({ id, frame: { case: 'error', value: errorFrame(error) } });
  }

  /** Gives the credit back once the answer has left, so that a client that does not read gets no further ones. */
  #finish(id: bigint): void {
    if (!this.#lookups.delete(id)) return;
    this.#creditsToReturn += 1;
    if (this.#creditsToReturn === 1) {
      const credit = { lookups: 1 };
      this.#outbox.push({ id: 0n, frame: { case: 'credit', value: credit } });
      // Answers of the same turn share one credit frame: its count is read when the batch is built.
      queueMicrotask(() => {
        credit.lookups = this.#creditsToReturn;
        this.#creditsToReturn = 0;
      });
    }
  }

  #lookAfter(): void {
    const now = this.#deps.now();
    for (const [id, lookup] of this.#lookups) {
      if (now >= lookup.deadlineMs) {
        const waitedMs = Math.round(now - lookup.startedMs);
        lookup.controller.abort(
          new CacheServerError('deadline', `no head of a response within ${waitedMs} ms`),
        );
      }
      if (!lookup.acknowledged) {
        lookup.acknowledged = true;
        this.#outbox.push({ id, frame: { case: 'ack', value: {} } });
      } else if (now - lookup.lastSignMs >= this.#deps.limits.heartbeatMs) {
        lookup.lastSignMs = now;
        const waitedMs = Math.round(now - lookup.startedMs);
        this.#outbox.push({ id, frame: { case: 'progress', value: { waitedMs } } });
      }
    }
  }
}
