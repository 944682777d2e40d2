/**
 * The one bridge between protobuf-es services and grpc-js: a typed service
 * definition, used by servers (`server.addService`) and by `grpc-client.ts`.
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type {
  DescMessage,
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageShape,
} from '@bufbuild/protobuf';
import type {
  MethodDefinition,
  ServiceDefinition,
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
} from '@grpc/grpc-js';
import { EncodedMessage } from './encoded-message.ts';

/** The grpc-js handlers that a service needs, one for each of its methods, typed by its messages. */
export type ServiceHandlers<S extends DescService> = {
  [K in keyof S['method']]: MethodHandler<S['method'][K]>;
};

type MethodHandler<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? handleUnaryCall<MessageShape<I>, MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? handleServerStreamingCall<MessageShape<I>, MessageShape<O> | EncodedMessage>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? handleClientStreamingCall<MessageShape<I>, MessageShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? handleBidiStreamingCall<MessageShape<I>, MessageShape<O>>
          : never;

/** A message as grpc-js sends it. The Buffer shares the encoder's memory, nothing is copied. */
export function serializer<T extends DescMessage>(
  schema: T,
): (message: MessageShape<T> | EncodedMessage) => Buffer {
  return (message) => {
    if (message instanceof EncodedMessage) return message.bytes;
    const bytes = toBinary(schema, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

/**
 * A message as grpc-js receives it. Its `bytes` fields are views of the receive buffer: whoever keeps one
 * beyond the call must copy it, or four bytes keep 64 KiB alive.
 */
export function deserializer<T extends DescMessage>(schema: T): (bytes: Buffer) => MessageShape<T> {
  return (bytes) => fromBinary(schema, bytes);
}

/** The path of a method on the wire, for example `/pannier.cache.v1.CacheService/Fetch`. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function methodDefinition(method: DescMethod): MethodDefinition<object, object> {
  return {
    path: methodPath(method),
    originalName: method.localName,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: serializer(method.input) as (value: object) => Buffer,
    requestDeserialize: deserializer(method.input),
    responseSerialize: serializer(method.output) as (value: object) => Buffer,
    responseDeserialize: deserializer(method.output),
  };
}

/** The definition that `server.addService(definition, handlers)` takes; the keys are those of {@link ServiceHandlers}. */
export function grpcServiceDefinition(service: DescService): ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, methodDefinition(method)]));
}
