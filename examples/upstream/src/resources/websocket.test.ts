import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { send, until } from '../http-client.fixture.ts';
import { startUpstream, type Upstream } from '../start-upstream.ts';

let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
});
beforeEach(() => upstream.resetStats());
afterAll(() => upstream.close());

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(`${upstream.url.replace('http', 'ws')}/ws`);
  socket.binaryType = 'arraybuffer';
  await once(socket, 'open');
  return socket;
}

async function nextMessage(socket: WebSocket): Promise<unknown> {
  const [event] = (await once(socket, 'message')) as [MessageEvent];
  return event.data;
}

test('text and bytes of any size come back, and a close is answered', async () => {
  const socket = await open();
  for (const text of ['hello', '', 'ž'.repeat(100), 'x'.repeat(200_000)]) {
    socket.send(text);
    expect(await nextMessage(socket)).toBe(text);
  }
  socket.send(new Uint8Array([1, 2, 3]));
  expect(new Uint8Array((await nextMessage(socket)) as ArrayBuffer)).toEqual(new Uint8Array([1, 2, 3]));
  expect(upstream.stats()).toMatchObject({ total: 1, open: 1, byKind: { upgrade: 1 } });
  socket.close(4000, 'bye');
  const [closing] = (await once(socket, 'close')) as [CloseEvent];
  expect([closing.code, closing.wasClean]).toEqual([4000, true]);
  await until(() => upstream.stats().open === 0);
});

test('an over-long frame is refused with close code 1009', async () => {
  const socket = await open();
  socket.send('x'.repeat(1024 * 1024 + 1));
  const [closing] = (await once(socket, 'close')) as [CloseEvent];
  expect(closing.code).toBe(1009);
});

test('a ping is answered by a pong with the same payload', async () => {
  const socket = connect(upstream.port, '127.0.0.1');
  const lines = ['GET /ws HTTP/1.1', 'Host: upstream', 'Connection: Upgrade', 'Upgrade: websocket'];
  socket.write([...lines, 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: x', '', ''].join('\r\n'));
  socket.write(Buffer.from([0x89, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  let seen = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => (seen = Buffer.concat([seen, chunk])));
  await until(() => seen.includes(Buffer.from([0x8a, 0x02, 0x68, 0x69])));
  expect(seen.toString('latin1')).toContain('101 Switching Protocols');
  socket.resetAndDestroy();
  await until(() => upstream.stats().byKind.aborted === 1);
});

test('without a handshake the answer is 426, and another protocol is ignored', async () => {
  const plain = await send(`${upstream.url}/ws`);
  expect([plain.status, plain.headers.upgrade]).toEqual([426, 'websocket']);
  const h2c = await send(`${upstream.url}/version`, { headers: { Connection: 'Upgrade', Upgrade: 'h2c' } });
  expect(h2c.status).toBe(200);
});
