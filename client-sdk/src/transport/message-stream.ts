/** A server stream as an async generator: backpressure, signs of life, cancellation. */
import { create } from '@bufbuild/protobuf';
import type {
  DescMessage,
  DescMethodServerStreaming,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { Client, ClientReadableStream, Metadata } from '@grpc/grpc-js';
import { deserializer, methodPath, serializer } from '@pannier/proto';
import { PannierError } from '../errors.ts';
import { isConnected } from './channel.ts';
import { MessageInbox } from './message-inbox.ts';
import { callFailure } from './server-failure.ts';
import { SilenceWatch } from './silence-watch.ts';

/** A server stream to be read. Times in milliseconds. */
export interface MessageStreamCall<I extends DescMessage, O extends DescMessage> {
  readonly client: Client;
  readonly server: string;
  readonly metadata: Metadata;
  readonly method: DescMethodServerStreaming<I, O>;
  readonly request: MessageInitShape<I>;
  readonly signal: AbortSignal;
  /** How long a connection may take. */
  readonly connectTimeoutMs: number;
  /** How long the server may be silent while it is read; a reader that pauses does not count. */
  readonly silenceMs: number;
}

/**
 * Reads the messages of a call. Returning early cancels the call.
 *
 * @throws PannierError `unavailable` when the connection breaks or falls silent, else the server's failure; the signal's reason
 */
export async function* messageStream<I extends DescMessage, O extends DescMessage>(
  options: MessageStreamCall<I, O>,
): AsyncGenerator<MessageShape<O>, void, undefined> {
  const { signal, server } = options;
  signal.throwIfAborted();
  const inbox = new MessageInbox<MessageShape<O>>();
  const call = open(options, inbox);
  const abort = (): void => {
    call.cancel();
    inbox.fail(signal.reason);
  };
  signal.addEventListener('abort', abort, { once: true });
  const watch = new SilenceWatch({
    isConnected: () => isConnected(options.client),
    connectTimeoutMs: options.connectTimeoutMs,
    silenceMs: options.silenceMs,
    onSilence(reason) {
      call.cancel();
      inbox.fail(new PannierError('unavailable', `${server}: ${reason}`));
    },
  });
  try {
    for (;;) {
      watch.start();
      const message = await inbox.take();
      watch.stop();
      if (message === undefined) return;
      yield message;
    }
  } finally {
    watch.stop();
    signal.removeEventListener('abort', abort);
    if (!inbox.ended) call.cancel();
  }
}

function open<I extends DescMessage, O extends DescMessage>(
  { client, server, method, request, metadata }: MessageStreamCall<I, O>,
  inbox: MessageInbox<MessageShape<O>>,
): ClientReadableStream<MessageShape<O>> {
  const call = client.makeServerStreamRequest<MessageShape<I>, MessageShape<O>>(
    methodPath(method),
    serializer(method.input),
    deserializer(method.output),
    create(method.input, request),
    metadata.clone(),
    { interceptors: [inbox.interceptor] },
  );
  call.on('data', (message: MessageShape<O>) => inbox.put(message));
  call.on('end', () => {
    // A failed call emits `end` too, right before its `error`.
    setImmediate(() => inbox.finish());
  });
  call.on('error', (error: unknown) => inbox.fail(callFailure(error, server)));
  return call;
}
