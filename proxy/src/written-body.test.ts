import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { writeBody } from './written-body.ts';

const CHUNK = Buffer.alloc(1024 * 1024, 'x');
const CHUNKS = 64;
const LENGTH = CHUNKS * CHUNK.length;

/** A client that reads nothing until it is resumed, and the response that is to be written to it. */
async function pair(): Promise<AsyncDisposable & { client: Socket; response: ServerResponse }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  return {
    client,
    response,
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Chunks, and what became of them. */
function counted(): { taken: number; isLeft: boolean; body: AsyncIterable<Uint8Array> } {
  const seen = { taken: 0, isLeft: false, body: read() };
  async function* read(): AsyncGenerator<Uint8Array> {
    try {
      for (; seen.taken < CHUNKS; seen.taken += 1) yield CHUNK;
    } finally {
      seen.isLeft = true;
    }
  }
  return seen;
}

test('a body is taken no faster than its client reads, and arrives whole', async () => {
  await using both = await pair();
  const { client, response } = both;
  const seen = counted();
  response.writeHead(200, { 'content-length': LENGTH });
  const { signal: left } = new AbortController();
  const written = writeBody(response, seen.body, { bodyBytes: LENGTH, left });
  await Promise.race([written, new Promise((resolve) => setTimeout(resolve, 200))]);
  expect(seen.taken).toBeLessThan(CHUNKS);
  expect(response.writableEnded).toBe(false);

  let bytes = 0;
  client.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
  await Promise.all([written, once(client, 'end')]);
  expect(seen.taken).toBe(CHUNKS);
  expect(bytes).toBeGreaterThan(LENGTH);
});

test('who leaves while it is waited for ends the reading of its body', async () => {
  await using both = await pair();
  const { client, response } = both;
  const seen = counted();
  response.writeHead(200, { 'content-length': LENGTH });
  const left = new AbortController();
  response.once('close', () => left.abort());
  const written = writeBody(response, seen.body, { bodyBytes: LENGTH, left: left.signal });
  client.destroy();
  await expect(written).rejects.toMatchObject({ name: 'AbortError' });
  expect(seen.taken).toBeLessThan(CHUNKS);
  expect(seen.isLeft).toBe(true);
});

test('a body that breaks leaves the response open, for the caller to break off', async () => {
  await using both = await pair();
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('abc');
    throw new Error('broken');
  }
  const { signal: left } = new AbortController();
  const chunks: Uint8Array[] = [];
  const onChunk = (chunk: Uint8Array): void => void chunks.push(chunk);
  const written = writeBody(both.response, broken(), { bodyBytes: undefined, left, onChunk });
  await expect(written).rejects.toThrow('broken');
  expect(Buffer.concat(chunks).toString()).toBe('abc');
  expect(both.response.writableEnded).toBe(false);
});
