/**
 * Wraps async functions as grpc-js handlers. An async handler that rejects would crash the process; here every failure becomes
 * the call's status, every call has an AbortSignal that its end aborts, and a stream is written with backpressure.
 */
import type { Metadata, handleServerStreamingCall, handleUnaryCall } from '@grpc/grpc-js';
import type { DescMessage, MessageShape, MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { EncodedMessage } from '@pannier/proto';
import { abortable } from '@pannier/runtime';
import { once } from 'node:events';
import type { Caller } from '../entry/entry-answer.ts';
import { CacheServerError } from '../errors.ts';
import { grpcError } from './rpc-error.ts';

/** Who calls, and until when. */
export interface CallContext {
  readonly caller: Caller;
  /** Aborted when the call is cancelled, its deadline passes or its connection breaks. */
  readonly signal: AbortSignal;
}

/**
 * The caller under `auth: none`: the call metadata `pannier-identity`, or `anonymous`.
 *
 * @throws CacheServerError `bad-request` when it is longer than 256 characters.
 */
export function callerOf(metadata: Metadata): Caller {
  const [identity = 'anonymous'] = metadata.get('pannier-identity');
  const text = identity.toString();
  if (text.length > 256)
    throw new CacheServerError('bad-request', 'metadata pannier-identity: longer than 256 characters');
  return { identity: text };
}

/** A unary method from an async function. */
export function unary<I extends DescMessage, O extends DescMessage>(
  method: { input: I; output: O },
  answer: (request: MessageShape<I>, context: CallContext) => Promise<MessageInitShape<O>>,
): handleUnaryCall<MessageShape<I>, MessageShape<O>> {
  return (call, callback) => {
    const ended = new AbortController();
    call.on('cancelled', () => ended.abort(new CacheServerError('cancelled', 'the caller cancelled')));
    const run = async (): Promise<MessageShape<O>> =>
      create(
        method.output,
        await answer(call.request, { caller: callerOf(call.metadata), signal: ended.signal }),
      );
    run().then(
      (response) => callback(null, response),
      (error: unknown) => callback(grpcError(error), null),
    );
  };
}

/** What was written to a call and its connection has not taken, for the one who writes. */
class HeldBytes {
  readonly #bytesMax: number;
  #bytes = 0;
  #onRoom: (() => void) | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  taken(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes < this.#bytesMax) this.#onRoom?.();
  }

  /** Settles while there is less than may be. */
  async room(): Promise<void> {
    if (this.#bytes >= this.#bytesMax) await new Promise<void>((resolve) => (this.#onRoom = resolve));
  }
}

/** Settings of a {@link serverStream}. */
interface StreamOptions {
  /** Bytes of encoded messages that may wait for the caller's connection, or one message; by default only their number is bounded, by 16. */
  readonly heldBytesMax?: number;
}

/** A server stream from an async generator. Returning from the generator ends the call with OK, throwing with the error's status. */
export function serverStream<I extends DescMessage, O extends DescMessage>(
  method: { input: I; output: O },
  answer: (
    request: MessageShape<I>,
    context: CallContext,
  ) => AsyncIterable<MessageInitShape<O> | EncodedMessage>,
  { heldBytesMax = Infinity }: StreamOptions = {},
): handleServerStreamingCall<MessageShape<I>, MessageShape<O> | EncodedMessage> {
  return (call) => {
    const ended = new AbortController();
    call.on('cancelled', () => ended.abort(new CacheServerError('cancelled', 'the caller cancelled')));
    const held = new HeldBytes(heldBytesMax);
    const run = async (): Promise<void> => {
      const context = { caller: callerOf(call.metadata), signal: ended.signal };
      for await (const message of answer(call.request, context)) {
        const sent = message instanceof EncodedMessage ? message : create(method.output, message);
        const bytes = message instanceof EncodedMessage ? message.bytes.length : 0;
        held.add(bytes);
        const goesOn = call.write(sent, () => held.taken(bytes));
        // Either wait alone would hang for ever after a cancel, so that the signal races it.
        if (!goesOn) await once(call, 'drain', { signal: ended.signal });
        await abortable(held.room(), ended.signal);
      }
    };
    run().then(
      () => call.end(),
      (error: unknown) => {
        if (!ended.signal.aborted) call.emit('error', grpcError(error));
      },
    );
  };
}
