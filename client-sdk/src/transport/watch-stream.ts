/**
 * One Watch call, from its opening to its end. Messages are taken as they come: they are small, and whoever falls behind them may not
 * trust what it holds.
 */
import type { ClientReadableStream } from '@grpc/grpc-js';
import type { WatchResponse } from '@pannier/proto';
import { PannierError } from '../errors.ts';
import { callFailure } from './server-failure.ts';
import { StallFreeClock } from './stall-free-clock.ts';
import { watchNews } from './watch-news.ts';
import type { WatchNews } from './watch-news.ts';

/** What a call is told. Times in milliseconds. */
export interface WatchStreamOptions {
  readonly server: string;
  /** How long until its first message. */
  readonly connectTimeoutMs: number;
  /** How long there may be none. */
  readonly silenceMs: number;
  /** Must not throw. */
  readonly onNews: (news: WatchNews) => void;
  /** Once: it was cut, refused, or fell silent. */
  readonly onEnd: (reason: PannierError) => void;
}

const TICK_MS = 50;

/** A call under way. */
export class WatchStream {
  readonly #call: ClientReadableStream<WatchResponse>;
  readonly #options: WatchStreamOptions;
  readonly #clock = new StallFreeClock(TICK_MS);
  readonly #ticks: NodeJS.Timeout;
  #lastSignMs = 0;
  /** On the clock that goes on while this process is stopped. */
  #lastReadMs = Number.POSITIVE_INFINITY;
  #hasEnded = false;

  constructor(call: ClientReadableStream<WatchResponse>, options: WatchStreamOptions) {
    this.#call = call;
    this.#options = options;
    const { server } = options;
    call.on('data', (message: WatchResponse) => this.#take(message));
    call.on('error', (error: unknown) => this.end(callFailure(error, server)));
    // A failed call emits `end` too, right before its `error`.
    call.on('end', () =>
      setImmediate(() => this.end(new PannierError('draining', `${server} ended the watch`))),
    );
    this.#ticks = setInterval(() => this.#judge(), TICK_MS);
    this.#ticks.unref();
  }

  /** Ends the call; `reason` goes to `onEnd`. */
  end(reason: PannierError): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearInterval(this.#ticks);
    this.#call.cancel();
    this.#options.onEnd(reason);
  }

  #take(message: WatchResponse): void {
    if (this.#hasEnded) return;
    const { silenceMs, onNews } = this.#options;
    const now = performance.now();
    if (now - this.#lastReadMs > silenceMs) {
      // We were stopped: this may have waited for us since then, and says nothing of the server as it is now.
      this.end(new PannierError('unavailable', `what the watch says is older than ${silenceMs} ms`));
      return;
    }
    this.#lastReadMs = now;
    this.#lastSignMs = this.#clock.nowMs;
    onNews(watchNews(message));
  }

  #judge(): void {
    this.#clock.tick();
    const { server, connectTimeoutMs, silenceMs } = this.#options;
    const hasBegun = Number.isFinite(this.#lastReadMs);
    const limitMs = hasBegun ? silenceMs : connectTimeoutMs;
    if (this.#clock.nowMs - this.#lastSignMs <= limitMs) return;
    const what = hasBegun ? 'no sign of life on the watch' : 'no answer to the watch';
    this.end(new PannierError('unavailable', `${server}: ${what} within ${limitMs} ms`));
  }
}
