/** For tests: a real gRPC server that speaks the contract and does what a script says, faults included. */
import { once } from 'node:events';
import { create } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import {
  AdminService,
  CacheService,
  ExchangeResponseSchema,
  FetchResponseSchema,
  ReadPartitionsResponseSchema,
  grpcServiceDefinition,
} from '@pannier/proto';
import type {
  ExchangeRequest,
  ExchangeResponse,
  FetchRequest,
  FetchResponse,
  ReadPartitionsRequest,
  ReadPartitionsResponse,
  ServerFrameSchema,
  ServiceHandlers,
} from '@pannier/proto';

type Init<T> = Exclude<T, { $typeName: string }>;
/** What a server frame says. */
export type ScriptedFrame = NonNullable<Init<MessageInitShape<typeof ServerFrameSchema>>['frame']>;
/** A step of a body. */
export type ScriptedStep = NonNullable<Init<MessageInitShape<typeof FetchResponseSchema>>['part']>;
/** A step of a read of records. */
export type ScriptedPartition = NonNullable<
  Init<MessageInitShape<typeof ReadPartitionsResponseSchema>>['part']
>;

/** A lookup as the script sees it. */
export interface ScriptedLookup {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly deadlineMs: number;
  /** Identity from the metadata of the stream; '' when none was sent. */
  readonly identity: string;
  /** Aborted when the client cancels the lookup. */
  readonly cancelled: AbortSignal;
  /** Sends frames for this lookup. */
  reply(...frames: ScriptedFrame[]): void;
}

/** What the server does. Everything left out is UNIMPLEMENTED, but for `credits`, 100 by default. */
export interface ServerScript {
  readonly credits?: number;
  readonly lookup?: (lookup: ScriptedLookup, server: ScriptedServer) => void;
  readonly fetch?: (request: FetchRequest, server: ScriptedServer) => AsyncIterable<ScriptedStep>;
  readonly readPartitions?: (
    request: ReadPartitionsRequest,
    server: ScriptedServer,
  ) => AsyncIterable<ScriptedPartition>;
  readonly cache?: Partial<ServiceHandlers<typeof CacheService>>;
  readonly admin?: Partial<ServiceHandlers<typeof AdminService>>;
}

/** A running server. */
export interface ScriptedServer {
  readonly address: string;
  readonly port: number;
  /** Exchange streams opened since the start. */
  readonly exchanges: number;
  /** Fetch and ReadPartitions calls that the client cancelled, or whose connection broke. */
  readonly cancelledStreams: number;
  /** Messages of the Exchange streams received. */
  readonly exchangeMessages: number;
  /** Sends a frame about the stream itself on every open Exchange stream. */
  announce(frame: ScriptedFrame): void;
  /** Cuts every connection and stops. */
  kill(): void;
}

/** The status of a failure with one of our codes, for scripts to throw. */
export function scriptedError(code: string, message: string): Error {
  const metadata = new Metadata();
  metadata.set('pannier-error-code', code);
  return Object.assign(new Error(message), { code: status.UNKNOWN, details: message, metadata });
}

/** Frames of a response with its whole body. */
export function wholeResponse(
  body: string,
  entry: Record<string, unknown> = {},
  headers: readonly (readonly [string, string])[] = [],
): ScriptedFrame[] {
  return [headFrame(entry, headers), { case: 'body', value: { data: Buffer.from(body) } }];
}

/** Frames of a response whose body is to be fetched. */
export function ticketResponse(version: string, entry: Record<string, unknown> = {}): ScriptedFrame[] {
  return [headFrame(entry, []), { case: 'ticket', value: { ticket: { key: 'demo:original:x', version } } }];
}

function headFrame(entry: object, headers: readonly (readonly [string, string])[]): ScriptedFrame {
  const fields = headers.map(([name, value]) => ({
    name: Buffer.from(name, 'latin1'),
    value: Buffer.from(value, 'latin1'),
  }));
  return {
    case: 'head',
    value: { response: { status: 200, headers: fields }, entry: { outcome: 'hit', ...entry } },
  };
}

class Running implements ScriptedServer {
  readonly script: ServerScript;
  readonly grpc = new Server();
  readonly calls = new Set<ServerDuplexStream<ExchangeRequest, ExchangeResponse>>();
  port = 0;
  exchanges = 0;
  cancelledStreams = 0;
  exchangeMessages = 0;

  constructor(script: ServerScript) {
    this.script = script;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  announce(frame: ScriptedFrame): void {
    for (const call of this.calls) send(call, 0n, [frame]);
  }

  kill(): void {
    this.grpc.forceShutdown();
  }

  exchange(call: ServerDuplexStream<ExchangeRequest, ExchangeResponse>): void {
    this.exchanges += 1;
    this.calls.add(call);
    const lookups = new Map<bigint, AbortController>();
    const identity = call.metadata.get('pannier-identity')[0]?.toString() ?? '';
    const { credits = 100 } = this.script;
    if (credits > 0) send(call, 0n, [{ case: 'credit', value: { lookups: credits } }]);
    call.on('data', (message: ExchangeRequest) => {
      this.exchangeMessages += 1;
      for (const { id, frame } of message.frames) {
        if (frame.case === 'cancel') lookups.get(id)?.abort();
        if (frame.case !== 'lookup') continue;
        const cancelled = new AbortController();
        lookups.set(id, cancelled);
        const { request } = frame.value;
        if (request === undefined) throw new Error('a lookup without a request');
        const { method, url, headers } = request;
        this.script.lookup?.(
          {
            url: Buffer.from(url).toString('latin1'),
            method: Buffer.from(method).toString('latin1'),
            headers: headers.map((field) => [latin1(field.name), latin1(field.value)] as const),
            deadlineMs: frame.value.deadlineMs,
            identity,
            cancelled: cancelled.signal,
            reply: (...frames) => send(call, id, frames),
          },
          this,
        );
      }
    });
    call.on('end', () => call.end());
    call.on('close', () => this.calls.delete(call));
    call.on('error', () => this.calls.delete(call));
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function send(
  call: ServerDuplexStream<ExchangeRequest, ExchangeResponse>,
  id: bigint,
  frames: readonly ScriptedFrame[],
): void {
  if (call.destroyed) return;
  call.write(create(ExchangeResponseSchema, { frames: frames.map((frame) => ({ id, frame })) }));
}

async function write<T>(
  call: ServerWritableStream<unknown, T>,
  messages: AsyncIterable<T>,
  onCancel: () => void,
): Promise<void> {
  const cancelled = new AbortController();
  call.on('cancelled', () => {
    onCancel();
    cancelled.abort();
  });
  try {
    for await (const message of messages) {
      if (cancelled.signal.aborted) return;
      if (!call.write(message)) {
        // `drain` alone would hang after a cancel.
        await once(call, 'drain', { signal: cancelled.signal });
      }
    }
    call.end();
  } catch (error) {
    if (!cancelled.signal.aborted) call.emit('error', error);
  }
}

async function* steps<T, R>(source: AsyncIterable<T>, make: (part: T) => R): AsyncGenerator<R> {
  for await (const part of source) yield make(part);
}

/** Starts a server on a free port. */
export async function startScriptedServer(script: ServerScript, port = 0): Promise<ScriptedServer> {
  const running = new Running(script);
  const cancelled = (): void => {
    running.cancelledStreams += 1;
  };
  const { fetch, readPartitions } = script;
  running.grpc.addService(grpcServiceDefinition(AdminService), { ...script.admin });
  running.grpc.addService(grpcServiceDefinition(CacheService), {
    exchange: (call: ServerDuplexStream<ExchangeRequest, ExchangeResponse>) => running.exchange(call),
    ...(fetch && {
      fetch: (call: ServerWritableStream<FetchRequest, FetchResponse>) =>
        void write(
          call,
          steps(fetch(call.request, running), (part) => create(FetchResponseSchema, { part })),
          cancelled,
        ),
    }),
    ...(readPartitions && {
      readPartitions: (call: ServerWritableStream<ReadPartitionsRequest, ReadPartitionsResponse>) =>
        void write(
          call,
          steps(readPartitions(call.request, running), (part) =>
            create(ReadPartitionsResponseSchema, { part }),
          ),
          cancelled,
        ),
    }),
    ...script.cache,
  });
  running.port = await new Promise((resolve, reject) => {
    running.grpc.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return running;
}
