/**
 * One Exchange stream to one server: lookups leave as credits allow, answers come back by number. The server is judged by
 * signs of life, never by how slow its upstream is.
 */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { ExchangeRequest, ExchangeResponse, ServerFrame } from '@pannier/proto';
import { PannierError } from '../errors.ts';
import { bypass, lookupFrame, responseHead } from './exchange-wire.ts';
import type { ExchangeAnswer } from './exchange-wire.ts';
import { FrameOutbox } from './frame-outbox.ts';
import type { LookupRequest } from './lookup-answer.ts';
import { PendingLookup } from './pending-lookup.ts';
import { callFailure, frameFailure } from './server-failure.ts';
import { StallFreeClock } from './stall-free-clock.ts';
import type { CallLimits } from './transport.ts';

/** What a stream is told. Times in milliseconds. */
export interface ExchangeStreamOptions {
  readonly server: string;
  readonly ackTimeoutMs: number;
  readonly silenceMs: number;
  readonly connectTimeoutMs: number;
  readonly lookupsMax: number;
  /** The first credits have come. */
  onOpen(): void;
  /** The server takes no further lookups on this stream. */
  onDraining(): void;
  /** Whether anybody waits for an answer, at the opening and at every change. */
  onWaiting(anybody: boolean): void;
  /** The stream has ended, for whatever reason; `lookups` were waiting. */
  onEnd(reason: PannierError, lookups: number): void;
  onProtocolError(reason: string): void;
}

/** How often waiting lookups are looked after, in milliseconds. */
const SWEEP_MS = 25;

/** A stream, from its opening to its end. */
export class ExchangeStream {
  readonly #call: ClientDuplexStream<ExchangeRequest, ExchangeResponse>;
  readonly #options: ExchangeStreamOptions;
  readonly #outbox: FrameOutbox;
  readonly #clock = new StallFreeClock(SWEEP_MS);
  /** In the order in which they came: those without a credit yet, and those under way. */
  readonly #waiting = new Set<PendingLookup>();
  readonly #sent = new Map<bigint, PendingLookup>();
  #sweep: NodeJS.Timeout | undefined;
  #status: 'opening' | 'open' | 'draining' | 'ended' = 'opening';
  #credits = 0;
  #lastId = 0n;
  #lastFrameMs = 0;
  /** A lookup has been acknowledged or answered on this stream. */
  #hasServed = false;

  constructor(call: ClientDuplexStream<ExchangeRequest, ExchangeResponse>, options: ExchangeStreamOptions) {
    this.#call = call;
    this.#options = options;
    this.#outbox = new FrameOutbox(call);
    call.on('data', (message: ExchangeResponse) => this.#receive(message));
    call.on('error', (error: unknown) => this.end(callFailure(error, options.server)));
    call.on('status', () =>
      this.end(new PannierError('unavailable', `${options.server}: the server ended the stream`)),
    );
    this.#lookAfterLookups();
  }

  /** Number of lookups without an answer. */
  get lookups(): number {
    return this.#waiting.size + this.#sent.size;
  }

  /** Whether one more lookup would not have to wait, as far as is known while the stream is being opened. */
  get hasCredit(): boolean {
    return this.#status === 'opening' || this.#credits > 0;
  }

  /** Sends a lookup. Rejects with `unavailable` or `draining` when another server should be asked. */
  ask(request: LookupRequest, limits: CallLimits): Promise<ExchangeAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#status === 'draining' || this.#status === 'ended') {
        reject(new PannierError('draining', `${this.#options.server} takes no new lookups`));
        return;
      }
      if (this.#waiting.size >= this.#options.lookupsMax) {
        const message = `lookupsPerStreamMax ${this.#options.lookupsMax}: so many lookups wait for ${this.#options.server}`;
        reject(new PannierError('limit-exceeded', message, { httpStatus: 503 }));
        return;
      }
      this.#lastId += 1n;
      const lookup = new PendingLookup({ id: this.#lastId, request, limits }, { resolve, reject });
      lookup.watchAbort((reason) => this.#giveUp(lookup, reason));
      if (this.lookups === 0) this.#options.onWaiting(true);
      this.#waiting.add(lookup);
      this.#sendWaiting();
      this.#lookAfterLookups();
    });
  }

  /** Takes no further lookups; ends when those under way are answered. */
  drain(): void {
    if (this.#status !== 'open' && this.#status !== 'opening') return;
    this.#status = 'draining';
    const reason = new PannierError('draining', `${this.#options.server} takes no new lookups`);
    for (const lookup of this.#waiting) this.#fail(lookup, reason);
    this.#endWhenDrained();
  }

  /** Ends the stream and fails what waits on it. */
  end(reason: PannierError): void {
    if (this.#status === 'ended') return;
    this.#status = 'ended';
    clearInterval(this.#sweep);
    const lookups = [...this.#waiting, ...this.#sent.values()];
    this.#waiting.clear();
    this.#sent.clear();
    this.#outbox.close();
    this.#call.cancel();
    this.#options.onEnd(reason, lookups.length);
    for (const lookup of lookups) lookup.reject(reason);
  }

  #sendWaiting(): void {
    for (const lookup of this.#waiting) {
      if (this.#credits === 0 || this.#sent.size >= this.#options.lookupsMax) return;
      this.#credits -= 1;
      this.#waiting.delete(lookup);
      this.#sent.set(lookup.id, lookup);
      const deadlineMs = lookup.markSent(this.#clock.nowMs);
      const { frame, bytes } = lookupFrame(lookup.id, lookup.request, deadlineMs);
      this.#outbox.push(frame, bytes);
    }
  }

  #receive({ frames }: ExchangeResponse): void {
    this.#lastFrameMs = this.#clock.nowMs;
    for (const frame of frames) {
      if (frame.id === 0n) this.#takeStreamFrame(frame);
      else {
        // A lookup that was given up is still answered by frames that were on their way.
        const lookup = this.#sent.get(frame.id);
        if (lookup !== undefined) this.#takeLookupFrame(lookup, frame);
      }
    }
  }

  #takeStreamFrame({ frame }: ServerFrame): void {
    if (frame.case === 'credit') {
      this.#credits += frame.value.lookups;
      if (this.#status === 'opening') {
        this.#status = 'open';
        this.#options.onOpen();
        this.#options.onWaiting(this.lookups > 0);
      }
      this.#sendWaiting();
    } else if (frame.case === 'draining') {
      this.#options.onDraining();
      this.drain();
    } else this.#options.onProtocolError(`a ${frame.case ?? 'unknown'} frame about the stream itself`);
  }

  #takeLookupFrame(lookup: PendingLookup, { frame }: ServerFrame): void {
    lookup.lastSignMs = this.#clock.nowMs;
    lookup.acknowledged = true;
    this.#hasServed = true;
    try {
      if (frame.case === 'head') lookup.head = responseHead(frame.value);
      else if (frame.case === 'body' || frame.case === 'ticket')
        this.#finish(lookup, answerOf(lookup, frame));
      else if (frame.case === 'bypass') this.#finish(lookup, bypass(frame.value));
      else if (frame.case === 'error') this.#fail(lookup, frameFailure(frame.value));
      else if (frame.case !== 'ack' && frame.case !== 'progress') {
        // A newer server may say more than we know; the frames that end a lookup stay the same.
        this.#options.onProtocolError(`a ${frame.case ?? 'unknown'} frame about a lookup`);
      }
    } catch (error) {
      const reason = callFailure(error, this.#options.server);
      this.#options.onProtocolError(reason.message);
      this.#giveUp(lookup, reason);
    }
  }

  #finish(lookup: PendingLookup, answer: ExchangeAnswer): void {
    this.#remove(lookup);
    lookup.resolve(answer);
  }

  #fail(lookup: PendingLookup, reason: unknown): void {
    this.#remove(lookup);
    lookup.reject(reason);
  }

  /** Fails a lookup that the server may still work on. */
  #giveUp(lookup: PendingLookup, reason: unknown): void {
    if (lookup.sent) this.#outbox.push({ id: lookup.id, frame: { case: 'cancel', value: {} } }, 8);
    this.#fail(lookup, reason);
  }

  #remove(lookup: PendingLookup): void {
    this.#waiting.delete(lookup);
    this.#sent.delete(lookup.id);
    if (this.lookups === 0) this.#options.onWaiting(false);
    this.#endWhenDrained();
  }

  #endWhenDrained(): void {
    if (this.#status === 'draining' && this.#sent.size === 0) this.#call.end();
  }

  #lookAfterLookups(): void {
    if (this.#sweep !== undefined || this.#status === 'ended') return;
    this.#clock.resume();
    this.#sweep = setInterval(() => {
      this.#clock.tick();
      this.#judge();
      if (this.lookups > 0 || this.#status === 'opening') return;
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }, SWEEP_MS);
  }

  #judge(): void {
    const { server, connectTimeoutMs, ackTimeoutMs, silenceMs } = this.#options;
    const now = this.#clock.nowMs;
    if (this.#status === 'opening' && now > connectTimeoutMs) {
      this.end(new PannierError('unavailable', `${server}: no connection within ${connectTimeoutMs} ms`));
      return;
    }
    for (const lookup of [...this.#waiting, ...this.#sent.values()]) {
      const tooLate = lookup.overdue();
      if (tooLate !== undefined) this.#giveUp(lookup, tooLate);
      if (tooLate !== undefined || !lookup.sent) continue;
      // While anything arrives the server lives; its answer to this one may only stand in a long queue.
      const silentSinceMs = Math.max(lookup.lastSignMs, this.#lastFrameMs);
      // One that has just accepted us lives, and may have to load what it needs for its first answers.
      const ackMs = this.#hasServed ? ackTimeoutMs : Math.max(ackTimeoutMs, connectTimeoutMs);
      const limitMs = lookup.acknowledged ? silenceMs : ackMs;
      if (now - silentSinceMs > limitMs) {
        const what = lookup.acknowledged ? 'no sign of life' : 'no acknowledgement';
        this.end(new PannierError('unavailable', `${server}: ${what} within ${limitMs} ms`));
        return;
      }
      if (now - lookup.lastSignMs > silenceMs) {
        this.#giveUp(lookup, new PannierError('unavailable', `${server} has forgotten a lookup`));
      }
    }
  }
}

function answerOf(
  { head }: PendingLookup,
  frame: Extract<ServerFrame['frame'], { case: 'body' | 'ticket' }>,
): ExchangeAnswer {
  if (head === undefined) throw new PannierError('protocol', `a ${frame.case} frame before its head`);
  // A copy: the frame is a view of the whole message that it came in.
  if (frame.case === 'body') return { kind: 'whole', head, bytes: new Uint8Array(frame.value.data) };
  if (frame.value.ticket === undefined) throw new PannierError('protocol', 'a ticket frame without a ticket');
  return { kind: 'ticket', head, ticket: frame.value.ticket };
}
