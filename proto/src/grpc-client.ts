/** Typed calls on a grpc-js client, one small function for each kind of method that Pannier's services use. */
import { create } from '@bufbuild/protobuf';
import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import { Metadata } from '@grpc/grpc-js';
import type { CallOptions, Client, ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import { deserializer, methodPath, serializer } from './grpc-service-definition.ts';

/** What a call may carry. */
export interface GrpcCallOptions {
  /** Metadata of the call; empty by default. */
  metadata?: Metadata;
  /** Point in time after which grpc-js ends the call with DEADLINE_EXCEEDED. None by default. */
  deadline?: Date;
  /** Cancels the call. */
  signal?: AbortSignal;
}

function callOptions(options: GrpcCallOptions): CallOptions {
  return options.deadline === undefined ? {} : { deadline: options.deadline };
}

/** A unary call to be made. */
export interface UnaryCall<I extends DescMessage, O extends DescMessage> extends GrpcCallOptions {
  method: DescMethodUnary<I, O>;
  request: MessageInitShape<I>;
}

/** Makes a unary call. Rejects with grpc-js's ServiceError; an aborted signal cancels the call. */
export function unaryCall<I extends DescMessage, O extends DescMessage>(
  client: Client,
  { method, request, ...options }: UnaryCall<I, O>,
): Promise<MessageShape<O>> {
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted === true) {
      reject(options.signal.reason as Error);
      return;
    }
    const cancel = (): void => call.cancel();
    const call = client.makeUnaryRequest<MessageShape<I>, MessageShape<O>>(
      methodPath(method),
      serializer(method.input),
      deserializer(method.output),
      create(method.input, request),
      options.metadata ?? new Metadata(),
      callOptions(options),
      (error, response) => {
        options.signal?.removeEventListener('abort', cancel);
        if (error !== null) reject(error);
        else if (response === undefined) reject(new Error(`${method.name} answered without a message`));
        else resolve(response);
      },
    );
    options.signal?.addEventListener('abort', cancel, { once: true });
  });
}

/** A server-streaming call to be made. */
export interface ServerStreamCall<I extends DescMessage, O extends DescMessage> extends GrpcCallOptions {
  method: DescMethodServerStreaming<I, O>;
  request: MessageInitShape<I>;
}

/** Opens a server stream. The caller reads it, cancels it, and handles its `error` event. */
export function serverStreamCall<I extends DescMessage, O extends DescMessage>(
  client: Client,
  call: ServerStreamCall<I, O>,
): ClientReadableStream<MessageShape<O>> {
  return client.makeServerStreamRequest(
    methodPath(call.method),
    serializer(call.method.input),
    deserializer(call.method.output),
    create(call.method.input, call.request),
    call.metadata ?? new Metadata(),
    callOptions(call),
  );
}

/** Opens a bidirectional stream. Messages written to it must come from protobuf-es's `create`. */
export function bidiStreamCall<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: DescMethodBiDiStreaming<I, O>,
  options: GrpcCallOptions = {},
): ClientDuplexStream<MessageShape<I>, MessageShape<O>> {
  return client.makeBidiStreamRequest(
    methodPath(method),
    serializer(method.input),
    deserializer(method.output),
    options.metadata ?? new Metadata(),
    callOptions(options),
  );
}
