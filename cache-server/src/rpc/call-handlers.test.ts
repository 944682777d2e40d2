import { connect } from 'node:http2';
import type { ClientHttp2Stream } from 'node:http2';
import { create } from '@bufbuild/protobuf';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import {
  CacheService,
  encodeLarge,
  FetchResponseSchema,
  grpcServiceDefinition,
  RawBytesSchema,
} from '@pannier/proto';
import type { EncodedMessage } from '@pannier/proto';
import { expect, onTestFinished, test } from 'vitest';
import { serverStream } from './call-handlers.ts';

const STEP_BYTES = 256 * 1024;
const STEPS = 40;
/** What goes out to a connection of HTTP/2 before anybody reads from it. */
const WINDOW_BYTES = 65_535;

function step(): EncodedMessage {
  return encodeLarge({
    outer: FetchResponseSchema.field.raw,
    schema: RawBytesSchema,
    inner: create(RawBytesSchema),
    field: RawBytesSchema.field.data,
    value: Buffer.alloc(STEP_BYTES, 7),
  });
}

interface TestStream {
  /** Nobody reads from it yet. By itself a client of grpc-js would take a few messages before it is read. */
  readonly call: ClientHttp2Stream;
  /** Steps that were made so far. */
  made(): number;
  isOver(): boolean;
}

async function startStream(heldBytesMax?: number): Promise<TestStream> {
  let made = 0;
  let isOver = false;
  async function* steps(): AsyncGenerator<EncodedMessage> {
    try {
      while (made < STEPS) {
        made += 1;
        yield step();
      }
    } finally {
      isOver = true;
    }
  }
  const server = new Server();
  const options = heldBytesMax === undefined ? {} : { heldBytesMax };
  const fetch = serverStream(CacheService.method.fetch, steps, options);
  server.addService(grpcServiceDefinition(CacheService), { fetch });
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, at: number): void => (error === null ? resolve(at) : reject(error));
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), bound);
  });
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => {
    session.destroy();
    server.forceShutdown();
  });
  const call = session.request({
    ':method': 'POST',
    ':path': `/${CacheService.typeName}/Fetch`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  call.on('error', () => undefined);
  // An empty message.
  call.end(Buffer.alloc(5));
  return { call, made: () => made, isOver: () => isOver };
}

/** Waits until no more is made by itself. */
async function untilQuiet({ made }: TestStream): Promise<void> {
  for (let last = 0, quiet = 0; quiet < 30;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    quiet = made() === last && last > 0 ? quiet + 1 : 0;
    last = made();
  }
}

test.each([
  ['as much as may wait for it', 1024 * 1024],
  ['one step, where a step is more', 1],
])('for a reader that stands still no more is made than %s', async (_, heldBytesMax) => {
  const stream = await startStream(heldBytesMax);
  await untilQuiet(stream);
  // The last was made while there was room.
  expect(stream.made() * STEP_BYTES).toBeLessThanOrEqual(heldBytesMax + WINDOW_BYTES + STEP_BYTES);
  let bytes = 0;
  for await (const chunk of stream.call) bytes += (chunk as Buffer).length;
  expect(bytes).toBeGreaterThan(STEPS * STEP_BYTES);
  expect(bytes).toBeLessThan(STEPS * (STEP_BYTES + 100));
});

test('by default the number of messages is bounded', async () => {
  const stream = await startStream();
  await untilQuiet(stream);
  expect(stream.made()).toBeLessThanOrEqual(17);
});

test('a reader that leaves while its stream waits for it ends the stream', async () => {
  const stream = await startStream(1);
  await untilQuiet(stream);
  stream.call.destroy();
  while (!stream.isOver()) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(stream.made()).toBeLessThan(STEPS);
});
