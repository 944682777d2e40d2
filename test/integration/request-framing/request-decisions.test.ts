/** What docs/ARCHITECTURE.md says of odd requests, one by one; the attack list only knows that nothing gets through. */
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../fixture/eventually.ts';
import { startStack } from '../proxy-stack.ts';
import type { ProxyStack } from '../proxy-stack.ts';
import { ending, rawUpstream, speak, until } from '../raw-peers.ts';
import { startRecordingUpstream } from './recording-upstream.ts';
import type { RecordingUpstream } from './recording-upstream.ts';
import type { ReadRequest } from './strict-reader.ts';

let upstream: RecordingUpstream;
let stack: ProxyStack;
beforeAll(async () => {
  upstream = await startRecordingUpstream();
  stack = await startStack(() => ({ upstreams: { odd: { url: upstream.url } } }));
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

function arrived(path: string): ReadRequest[] {
  return upstream
    .connections()
    .flat()
    .filter(({ line }) => line.includes(path));
}

function field({ fields }: ReadRequest, wanted: string): string | undefined {
  return fields.find(([name]) => name === wanted)?.[1];
}

/** Sends a request whose path is in it as `{url}PATH`, and returns all that comes back. */
async function ask(text: string): Promise<string> {
  const client = await speak(
    stack.proxyPort,
    text.replaceAll('{url}', upstream.url).replaceAll('{host}', upstream.host),
  );
  return (await ending(client)).text;
}

it('the target wins over a Host that differs, and both ways upstream send the Host of the target', async () => {
  for (const [method, path] of [
    ['POST', '/passed'],
    ['GET', '/cached'],
  ]) {
    const text = await ask(
      `${method} {url}${path} HTTP/1.1\r\nHost: other.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(arrived(path ?? '').map((request) => field(request, 'host'))).toEqual([upstream.host]);
  }
});

it('two Host fields are refused although the target would win', async () => {
  const text = await ask('GET {url}/hosts HTTP/1.1\r\nHost: {host}\r\nHost: other.example\r\n\r\n');
  expect(text).toMatch(/^HTTP\/1\.1 400 [^]*connection: close/i);
  expect(text).toContain('proxy-status: pannier-proxy; error=http_request_error');
});

it('GET and HEAD with a body pass with it, each time, on a connection that carries nothing else', async () => {
  for (const method of ['GET', 'GET', 'HEAD']) {
    const text = await ask(
      `${method} {url}/search HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nquery`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  }
  const connections = upstream
    .connections()
    .filter((requests) => requests.some(({ line }) => line.includes('/search')));
  expect(connections.map((requests) => requests.map(({ body }) => body))).toEqual([
    ['query'],
    ['query'],
    ['query'],
  ]);
});

it('HTTP/1.0 with Transfer-Encoding is refused', async () => {
  const text = await ask(
    'POST {url}/old HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  );
  expect(text).toMatch(/^HTTP\/1\.1 400 /);
  expect(arrived('/old')).toEqual([]);
});

it('a transfer coding that cannot be kept is answered 501', async () => {
  const text = await ask(
    'POST {url}/coded HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  );
  expect(text).toMatch(/^HTTP\/1\.1 501 /);
});

it.each(['200-ok', '100-continue, 200-ok', 'x-100-continue-y'])(
  'Expect: %s is answered 417',
  async (value) => {
    const text = await ask(
      `POST {url}/odd HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nExpect: ${value}\r\n\r\nhello`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 417 /);
    expect(arrived('/odd')).toEqual([]);
  },
);

it('Expect of HTTP/1.0 is passed over, and not answered with 100', async () => {
  const text = await ask(
    'POST {url}/expecting HTTP/1.0\r\nHost: {host}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello',
  );
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  expect(arrived('/expecting').map(({ body }) => body)).toEqual(['hello']);
});

it('a folded value is refused', async () => {
  const text = await ask('GET {url}/folded HTTP/1.1\r\nHost: {host}\r\nX-A: one\r\n two\r\n\r\n');
  expect(text).toMatch(/^HTTP\/1\.1 400 /);
});

it('a version that is not spoken here is answered 505', async () => {
  expect(await ask('GET {url}/x HTTP/2.0\r\nHost: {host}\r\n\r\n')).toMatch(/^HTTP\/1\.1 505 /);
});

/** An upstream whose first request waits for `release`. */
async function heldUpstream(): Promise<{ url: string; release: () => void } & AsyncDisposable> {
  let held: Socket | undefined;
  const raw = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then(() => (held = socket));
  });
  return {
    url: raw.url,
    release: () => {
      if (held === undefined) throw new Error('nothing has arrived');
      held.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst');
    },
    [Symbol.asyncDispose]: async () => await raw[Symbol.asyncDispose](),
  };
}

it.each(['garbage\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'])(
  'a good request is answered before what stands behind it is refused: %j',
  async (behind) => {
    await using held = await heldUpstream();
    const client = await speak(
      stack.proxyPort,
      `GET ${held.url}/x HTTP/1.1\r\nHost: ${held.url.slice(7)}\r\n\r\n${behind}GET ${upstream.url}/behind HTTP/1.1\r\nHost: ${upstream.host}\r\n\r\n`,
    );
    // What is read behind the refused one is forwarded by now.
    await ask('GET {url}/meanwhile HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n');
    await eventually(held.release);
    const { text } = await ending(client);
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(['200', '400']);
    expect(text.indexOf('first')).toBeLessThan(text.indexOf('HTTP/1.1 400'));
    expect(arrived('/behind')).toEqual([]);
  },
);

it('an upload that turns out malformed under a begun answer is cut, not answered twice', async () => {
  await using early = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then(() =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbegun'),
    );
  });
  const client = await speak(
    stack.proxyPort,
    `POST ${early.url}/x HTTP/1.1\r\nHost: ${early.url.slice(7)}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
  );
  const begun = await until(client, 'begun');
  client.write('no size\r\n');
  const { text } = await ending(client);
  expect((begun + text).match(/HTTP\/1\.1/g)).toHaveLength(1);
});

it('a CONNECT or an upgrade behind a request that waits ends the connection, and the proxy lives on', async () => {
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
  for (const behind of [
    'CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n',
    `GET {url}/ws HTTP/1.1\r\nHost: {host}\r\n${upgrade}`,
  ]) {
    expect(await ask(`GET {url}/slow HTTP/1.1\r\nHost: {host}\r\n\r\n${behind}\r\n`)).toBe('');
  }
  expect(await ask('GET {url}/x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n')).toContain(' 200 ');
});
