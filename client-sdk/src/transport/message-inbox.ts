/**
 * The receiving side of a server stream, one message at a time. grpc-js reads 16 messages ahead, which for partitions of 512 KiB is
 * 8 MiB for every slow reader; here a message is handed on only when it is asked for, and HTTP/2 holds back the rest.
 */
import { InterceptingCall } from '@grpc/grpc-js';
import type { Interceptor } from '@grpc/grpc-js';

interface Taker<M> {
  resolve(message: M | undefined): void;
  reject(reason: unknown): void;
}

/** Messages of one call. Feed it with the events of the call, and give the call its `interceptor`. */
export class MessageInbox<M> {
  readonly #arrived: M[] = [];
  #deliverHeld: (() => void) | undefined;
  #taker: Taker<M> | undefined;
  #end: { readonly error?: unknown } | undefined;

  /** Holds each message until it is wanted; the status of the call waits behind it. */
  readonly interceptor: Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        next(metadata, {
          onReceiveMessage: (message: unknown, deliver: (message: unknown) => void) => {
            if (this.#taker !== undefined) deliver(message);
            else this.#deliverHeld = () => deliver(message);
          },
        });
      },
    });

  /** Whether the call has ended and everything of it was taken. */
  get ended(): boolean {
    return this.#end !== undefined && this.#arrived.length === 0;
  }

  /** The next message; undefined after the last. Rejects with what `fail` was given. One call at a time. */
  take(): Promise<M | undefined> {
    return new Promise((resolve, reject) => {
      this.#taker = { resolve, reject };
      this.#settle();
      const deliver = this.#taker === undefined ? undefined : this.#deliverHeld;
      if (deliver === undefined) return;
      this.#deliverHeld = undefined;
      deliver();
    });
  }

  put(message: M): void {
    this.#arrived.push(message);
    this.#settle();
  }

  /** The call has ended well. */
  finish(): void {
    this.#end ??= {};
    this.#settle();
  }

  /** The call has failed. Messages that arrived before are still handed out. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#settle();
  }

  #settle(): void {
    const taker = this.#taker;
    if (taker === undefined || (this.#arrived.length === 0 && this.#end === undefined)) return;
    this.#taker = undefined;
    if (this.#arrived.length > 0) taker.resolve(this.#arrived.shift());
    else if (this.#end !== undefined && 'error' in this.#end) taker.reject(this.#end.error);
    else taker.resolve(undefined);
  }
}
