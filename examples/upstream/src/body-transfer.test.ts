import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { send, until } from './http-client.fixture.ts';
import { startUpstream, type Upstream } from './start-upstream.ts';

let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
});
beforeEach(() => upstream.resetStats());
afterAll(() => upstream.close());

test('a paced body begins to arrive long before it is all sent', async () => {
  const leaving = new AbortController();
  // At this pace the whole takes a quarter of an hour: what arrives now cannot be all of it.
  const response = await fetch(`${upstream.url}/generated/10MB?bytesPerSecond=10KB`, {
    signal: leaving.signal,
  });
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body!.getReader();
  let arrived = 0;
  while (arrived < 3000) arrived += (await reader.read()).value!.length;
  expect(upstream.stats()).toMatchObject({ open: 1, byKind: { full: 1 } });
  expect(upstream.stats().bytesSent).toBeLessThan(10_000_000);
  leaving.abort();
  await until(() => upstream.stats().open === 0);
  expect(upstream.stats().byKind.aborted).toBe(1);
});

test('pacing changes no byte', async () => {
  const [paced, plain] = await Promise.all(
    ['&bytesPerSecond=3MB', ''].map((pace) => send(`${upstream.url}/generated/600KB?seed=3${pace}`)),
  );
  expect(paced!.body.equals(plain!.body)).toBe(true);
});

test('a client that does not read holds the sending back', async () => {
  const socket = connect(upstream.port, '127.0.0.1');
  socket.pause();
  socket.write('GET /generated/1GiB HTTP/1.1\r\nHost: upstream\r\n\r\n');
  await until(() => upstream.stats().bytesSent > 0);
  for (let before = -1; before !== upstream.stats().bytesSent;) {
    before = upstream.stats().bytesSent;
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
  // What lies in the two kernels' buffers; the rest has not even been made.
  expect(upstream.stats().bytesSent).toBeLessThan(64 * 1024 * 1024);
  socket.destroy();
  await until(() => upstream.stats().open === 0);
  expect(upstream.stats().byKind.aborted).toBe(1);
});

test('many slow and fast readers of one body all get the same bytes', async () => {
  const target = `${upstream.url}/generated/700000?seed=9&type=json`;
  const bodies = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      send(`${target}${index % 2 ? '&bytesPerSecond=4MB' : '&chunked=1'}`),
    ),
  );
  expect(bodies.filter(({ body }) => !body.equals(bodies[0]!.body))).toEqual([]);
});

test('requests that are pipelined on one connection are answered in their order', async () => {
  const socket = connect(upstream.port, '127.0.0.1');
  const get = (id: string, more = ''): string =>
    `GET /small?id=${id} HTTP/1.1\r\nHost: upstream\r\n${more}\r\n`;
  socket.write(`${get('first&latencyMs=30')}${get('second')}${get('third', 'Connection: close\r\n')}`);
  let seen = '';
  socket.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  await once(socket, 'close');
  expect(seen.match(/(?<="id":")\w+/g)).toEqual(['first', 'second', 'third']);
});
