/**
 * One cache server: its Exchange stream, a channel for bodies and plain calls, and whether it may be asked. A server that failed is
 * left alone for a while, then tried in the background, so that no lookup pays for finding out.
 */
import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import { Metadata } from '@grpc/grpc-js';
import type { Client } from '@grpc/grpc-js';
import { CacheService, bidiStreamCall, serverStreamCall } from '@pannier/proto';
import type { Generation } from '@pannier/proto/generation';
import { PannierError } from '../errors.ts';
import { BackOff } from './back-off.ts';
import { openChannel } from './channel.ts';
import { ExchangeStream } from './exchange-stream.ts';
import type { ExchangeAnswer } from './exchange-wire.ts';
import type { LookupRequest } from './lookup-answer.ts';
import { messageStream } from './message-stream.ts';
import { ProcessHold } from './process-hold.ts';
import { isServerLost } from './server-failure.ts';
import type { CallLimits, ServerState } from './transport.ts';
import type { TransportSettings } from './transport-settings.ts';
import { unaryAnswer } from './unary-answer.ts';
import { WatchStream } from './watch-stream.ts';
import type { WatchStreamOptions } from './watch-stream.ts';

/** A server by its `host:port`. */
export class ServerLink {
  readonly server: string;
  readonly #settings: TransportSettings;
  readonly #metadata = new Metadata();
  readonly #backOff = new BackOff();
  readonly #closed = new AbortController();
  #status: ServerState['status'] = 'idle';
  #exchange: { readonly stream: ExchangeStream; readonly channel: Client } | undefined;
  #calls: Client | undefined;
  #watch: WatchStream | undefined;
  #gone = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(server: string, settings: TransportSettings) {
    this.server = server;
    this.#settings = settings;
    if (settings.identity !== '') this.#metadata.set('pannier-identity', settings.identity);
  }

  get state(): ServerState {
    return { server: this.server, status: this.#status, usable: this.usable, lookups: this.lookups };
  }

  /** Lookups that wait for an answer or for credits. */
  get lookups(): number {
    return this.#exchange?.stream.lookups ?? 0;
  }

  /** Whether one more lookup would leave at once, as far as is known: a connection that is not open yet has granted nothing. */
  get hasCredit(): boolean {
    return this.#exchange?.stream.hasCredit ?? true;
  }

  /** Whether the next lookup may go here. */
  get usable(): boolean {
    return this.#status !== 'down' && this.#status !== 'draining' && !this.#gone;
  }

  /** Asks for a response. Rejects with `unavailable` or `draining` when another server should be asked. */
  async ask(request: LookupRequest, limits: CallLimits): Promise<ExchangeAnswer> {
    this.#closed.signal.throwIfAborted();
    if (!this.usable) throw new PannierError('unavailable', `${this.server} is ${this.#status}`);
    const { stream } = this.#exchange ?? this.#openExchange();
    const answer = await stream.ask(request, limits);
    // Only work that was done clears the record: a server may grant credits and then say nothing.
    this.#backOff.reset();
    return answer;
  }

  /** Makes a unary call. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    limits: { readonly signal: AbortSignal | undefined; readonly deadlineMs: number },
  ): Promise<MessageShape<O>> {
    const call = { ...this.#callOptions(limits.signal), method, request, deadlineMs: limits.deadlineMs };
    try {
      return await unaryAnswer(call);
    } catch (error) {
      this.#noteCallFailure(error, call.client);
      throw error;
    }
  }

  /** Reads a server stream. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    const call = { ...this.#callOptions(signal), method, request, silenceMs: this.#settings.silenceMs };
    try {
      yield* messageStream(call);
    } catch (error) {
      this.#noteCallFailure(error, call.client);
      throw error;
    }
  }

  /**
   * Watches invalidations after a place in the log, on a connection of its own that does not hold the process open: bodies fill the others.
   */
  watch(
    after: Generation | undefined,
    { onEnd, onNews, silenceMs }: Pick<WatchStreamOptions, 'onEnd' | 'onNews' | 'silenceMs'>,
  ): WatchStream {
    const { server } = this;
    const { connectTimeoutMs } = this.#settings;
    const hold = new ProcessHold();
    const channel = openChannel(server, this.#settings, hold.credentials);
    const request = { afterSequence: BigInt(after?.sequence ?? 0), epoch: after?.epoch ?? '' };
    const { method } = CacheService;
    const call = serverStreamCall(channel, {
      method: method.watch,
      request,
      metadata: this.#metadata.clone(),
    });
    this.#watch = new WatchStream(call, {
      server,
      connectTimeoutMs,
      silenceMs,
      onNews(news) {
        hold.set(false);
        onNews(news);
      },
      onEnd: (reason) => {
        channel.close();
        this.#watch = undefined;
        onEnd(reason);
      },
    });
    return this.#watch;
  }

  /** Takes nothing new and lets what is under way finish: the server's name no longer resolves to it. */
  retire(): void {
    this.#gone = true;
    clearTimeout(this.#retry);
    this.#exchange?.stream.drain();
    this.#watch?.end(new PannierError('draining', `${this.server}: its address is gone`));
    this.#calls?.close();
  }

  /** Ends everything; what waits fails with `reason`. */
  close(reason: PannierError): void {
    if (this.#closed.signal.aborted) return;
    this.#gone = true;
    this.#closed.abort(reason);
    clearTimeout(this.#retry);
    this.#exchange?.stream.end(reason);
    this.#watch?.end(reason);
    this.#calls?.close();
  }

  #callOptions(signal: AbortSignal | undefined): {
    client: Client;
    server: string;
    metadata: Metadata;
    signal: AbortSignal;
    connectTimeoutMs: number;
  } {
    const closed = this.#closed.signal;
    if (this.#gone)
      throw closed.aborted ? closed.reason : new PannierError('unavailable', `${this.server} is gone`);
    this.#calls ??= openChannel(this.server, this.#settings);
    return {
      client: this.#calls,
      server: this.server,
      metadata: this.#metadata,
      signal: signal === undefined ? closed : AbortSignal.any([signal, closed]),
      connectTimeoutMs: this.#settings.connectTimeoutMs,
    };
  }

  /** A channel that failed waits before it connects again; a new one connects at once. Calls under way on the old one go on. */
  #noteCallFailure(error: unknown, channel: Client): void {
    if (!isServerLost(error) || channel !== this.#calls) return;
    channel.close();
    this.#calls = undefined;
    if (this.#status === 'idle') this.#goDown(error.message);
  }

  #openExchange(): { readonly stream: ExchangeStream; readonly channel: Client } {
    const { server } = this;
    const { onEvent, ackTimeoutMs, silenceMs, connectTimeoutMs, lookupsPerStreamMax } = this.#settings;
    clearTimeout(this.#retry);
    if (this.#status === 'idle') this.#status = 'connecting';
    const hold = new ProcessHold();
    const channel = openChannel(server, this.#settings, hold.credentials);
    const call = bidiStreamCall(channel, CacheService.method.exchange, { metadata: this.#metadata.clone() });
    const stream = new ExchangeStream(call, {
      server,
      ackTimeoutMs,
      silenceMs,
      connectTimeoutMs,
      lookupsMax: lookupsPerStreamMax,
      onOpen: () => {
        this.#status = 'up';
        onEvent({ kind: 'server-up', server });
      },
      onDraining: () => {
        this.#status = 'draining';
        onEvent({ kind: 'server-draining', server });
      },
      onWaiting: (anybody) => hold.set(anybody),
      onEnd: (reason, lookups) => {
        channel.close();
        this.#exchange = undefined;
        this.#afterExchange(reason, lookups);
      },
      onProtocolError: (reason) => onEvent({ kind: 'protocol-error', server, reason }),
    });
    this.#exchange = { stream, channel };
    return this.#exchange;
  }

  #afterExchange(reason: PannierError, lookups: number): void {
    if (this.#gone) return;
    // A connection that ended while nobody waited says little: the next lookup finds out.
    if (this.#status === 'up' && lookups === 0) this.#status = 'idle';
    else this.#goDown(reason.message);
  }

  #goDown(reason: string): void {
    const retryInMs = this.#backOff.next();
    this.#status = 'down';
    this.#settings.onEvent({ kind: 'server-down', server: this.server, reason, retryInMs });
    this.#retry = setTimeout(() => this.#openExchange(), retryInMs);
    this.#retry.unref();
  }
}
