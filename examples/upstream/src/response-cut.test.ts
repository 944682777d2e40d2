import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { send, sendRaw } from './http-client.fixture.ts';
import { startUpstream, type Upstream } from './start-upstream.ts';

let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
});
beforeEach(() => {
  upstream.resetStats();
  upstream.control.reset();
});
afterAll(() => upstream.close());

const cutBytes = 1000;
const cut = (mode: string) => `/generated/100000?cutAfterBytes=${cutBytes}&cutMode=${mode}`;

async function wholeStart(): Promise<Buffer> {
  return (await send(`${upstream.url}/generated/100000`)).body.subarray(0, cutBytes);
}

test('content-length announces the whole body and closes early', async () => {
  const { head, body, ending } = await sendRaw(upstream.port, cut('content-length'));
  expect(head).toMatch(/^Content-Length: 100000$/m);
  expect(body).toEqual(await wholeStart());
  expect(ending).toBe('close');
});

test('chunked closes before the last chunk', async () => {
  const { head, body, ending } = await sendRaw(upstream.port, cut('chunked'));
  expect(head).toMatch(/^Transfer-Encoding: chunked$/m);
  expect(head).not.toMatch(/^Content-Length/m);
  const chunk = Buffer.concat([
    Buffer.from(`${cutBytes.toString(16)}\r\n`),
    await wholeStart(),
    Buffer.from('\r\n'),
  ]);
  expect(body).toEqual(chunk);
  expect(ending).toBe('close');
});

test('reset delimits the body by the close and then resets the connection', async () => {
  const { head, body, ending } = await sendRaw(upstream.port, cut('reset'));
  expect(head).not.toMatch(/^(Transfer-Encoding|Content-Length)/m);
  expect(head).toMatch(/^Connection: close$/m);
  expect(body).toEqual(await wholeStart());
  expect(ending).toBe('reset');
});

test.each(['content-length', 'chunked', 'reset'])(
  'a cut after no byte at all still sends the head (%s)',
  async (mode) => {
    const { head, body } = await sendRaw(upstream.port, `/small?cutAfterBytes=0&cutMode=${mode}`);
    expect(head).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(body).toHaveLength(0);
  },
);

test('a cut is counted as a full GET and a cut, not as a client that left', async () => {
  await sendRaw(upstream.port, cut('reset'));
  expect(upstream.stats()).toMatchObject({
    byKind: { full: 1, cut: 1, aborted: 0 },
    bytesSent: cutBytes,
  });
});

test('set for all, a cut spares what is short enough, what has no body, and counts within a range', async () => {
  await upstream.control.set({ cutAfterBytes: 1024, cutMode: 'content-length' });
  expect((await send(`${upstream.url}/small`)).body).toHaveLength(1024);
  expect((await send(`${upstream.url}/generated/1MB`, { method: 'HEAD' })).status).toBe(200);
  await expect(
    send(`${upstream.url}/generated/1MB`, { headers: { Range: 'bytes=5-9999' } }),
  ).rejects.toThrow();
  expect(upstream.stats()).toMatchObject({ byKind: { cut: 1, range: 1 }, bytesSent: 2048 });
});
