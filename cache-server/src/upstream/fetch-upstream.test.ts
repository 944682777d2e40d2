import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { loadConfig } from '@pannier/runtime';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fetchUpstream } from './fetch-upstream.ts';
import { createUpstreamRegistry } from './upstream-registry.ts';
import type { UpstreamRegistryOptions } from './upstream-registry.ts';
import type { UpstreamResponse } from './upstream-response.ts';

/** A TCP server that answers each connection, the n-th by number, as a test says. */
async function rawServer(answer: (socket: Socket, connection: number) => void): Promise<number> {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    answer(socket, (connections += 1));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

async function fetcher(
  origin: string,
  options: { upstream?: object; registry?: Partial<UpstreamRegistryOptions> } = {},
): Promise<(signal?: AbortSignal, path?: string) => Promise<UpstreamResponse>> {
  const upstreams = { api: { url: origin, ...options.upstream } };
  const config = loadConfig({ env: {}, overrides: { upstreams } });
  const registry = await createUpstreamRegistry({
    upstreams: config.upstreams,
    undeclared: 'pass',
    allowPrivateAddresses: [],
    ownAddresses: [],
    viaName: 'pannier-server-test',
    limits: { headerBytesMax: 2048 },
    ...options.registry,
  });
  onTestFinished(async () => await registry.close());
  return async (signal = new AbortController().signal, path = '/a') => {
    const target = registry.resolve(origin + path);
    if (target === undefined) throw new Error('not declared');
    return await fetchUpstream({ ...target, headers: [['accept-encoding', 'gzip']], signal });
  };
}

async function text({ body }: UpstreamResponse): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString('latin1');
}

/** Answers every request on a connection with these bytes. */
function says(bytes: string): (socket: Socket) => void {
  return (socket) => socket.on('data', () => socket.write(bytes, 'latin1'));
}

describe('a fetch', () => {
  it('keeps the order, the case and the bytes of header lines, and drops those of the connection', async () => {
    const port = await rawServer(
      says(
        'HTTP/1.1 200 OK\r\nX-B: \xe9\r\nKeep-Alive: timeout=5\r\nX-a: 1\r\nX-b: 2\r\nContent-Length: 2\r\n\r\nhi',
      ),
    );
    const response = await (await fetcher(`http://127.0.0.1:${port}`))();
    expect(response).toMatchObject({ status: 200, framing: 'length', bodyBytes: 2 });
    expect(response.headers).toEqual([
      ['X-B', '\xe9'],
      ['X-a', '1'],
      ['X-b', '2'],
      ['Content-Length', '2'],
    ]);
    expect(await text(response)).toBe('hi');
  });

  it('goes to the upstream, though the path names another host', async () => {
    const asked = Promise.withResolvers<string>();
    const port = await rawServer((socket) =>
      socket.on('data', (bytes) => {
        asked.resolve(bytes.toString('latin1'));
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      }),
    );
    const other = await rawServer((socket) => asked.reject(new Error(`asked ${socket.localPort}`)));
    await Promise.race([
      (await fetcher(`http://127.0.0.1:${port}`))(undefined, `//127.0.0.1:${other}/x`),
      asked.promise,
    ]);
    expect(await asked.promise).toContain(
      `GET //127.0.0.1:${other}/x HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n`,
    );
  });

  it('asks for path and query as they are written', async () => {
    const port = await rawServer((socket) =>
      socket.on('data', (bytes) => {
        const [, target = ''] = bytes.toString('latin1').split(' ');
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`, 'latin1');
      }),
    );
    const fetch = await fetcher(`http://127.0.0.1:${port}`);
    for (const path of ["/a/../b?q='x'", '/%2e/{a}|\\b?', '//c//d'])
      expect(await text(await fetch(undefined, path))).toBe(path);
  });

  it('does not follow a redirect', async () => {
    const port = await rawServer(says('HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n'));
    expect(await (await fetcher(`http://127.0.0.1:${port}`))()).toMatchObject({ status: 302, bodyBytes: 0 });
  });

  it('says how the end of a body will be known', async () => {
    const chunked = await rawServer(
      says('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'),
    );
    expect(await (await fetcher(`http://127.0.0.1:${chunked}`))()).toMatchObject({ framing: 'chunked' });
    const closed = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nhi'));
    const response = await (await fetcher(`http://127.0.0.1:${closed}`))();
    expect(response).toMatchObject({ framing: 'close', bodyBytes: undefined });
    expect(await text(response)).toBe('hi');
  });

  it('asks once more when a kept connection was closed meanwhile', async () => {
    const port = await rawServer((socket, connection) => {
      let requests = 0;
      socket.on('data', () => {
        requests += 1;
        if (connection === 1 && requests === 2) socket.resetAndDestroy();
        else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${connection}`);
      });
    });
    const fetch = await fetcher(`http://127.0.0.1:${port}`);
    expect(await text(await fetch())).toBe('1');
    expect(await text(await fetch())).toBe('2');
  });

  it.each([
    {
      on: 'no answer',
      answer: (socket: Socket) => socket.on('data', () => socket.destroy()),
      error: { code: 'upstream-unreachable', proxyError: 'connection_terminated' },
    },
    {
      on: 'nonsense',
      answer: says('what?\r\n\r\n'),
      error: { code: 'upstream-protocol', proxyError: 'http_protocol_error' },
    },
    {
      on: 'an over-long head',
      answer: says(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(4000)}\r\n\r\n`),
      error: { code: 'upstream-protocol', proxyError: 'http_response_header_section_size' },
    },
    {
      on: 'silence',
      answer: () => undefined,
      error: { code: 'upstream-timeout', proxyError: 'http_response_timeout' },
    },
  ])('fails with its reason on $on', async ({ answer, error }) => {
    const port = await rawServer(answer);
    const fetch = await fetcher(`http://127.0.0.1:${port}`, { upstream: { fetchTimeoutMs: 200 } });
    await expect(fetch()).rejects.toMatchObject(error);
  });

  it('ends a body that pauses for too long', async () => {
    const port = await rawServer(says('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi'));
    const fetch = await fetcher(`http://127.0.0.1:${port}`, { upstream: { idleTimeoutMs: 100 } });
    await expect(text(await fetch())).rejects.toMatchObject({ code: 'upstream-timeout' });
  });

  it('fails on a name that does not exist, and names it', async () => {
    const fetch = await fetcher('http://nowhere.invalid');
    await expect(fetch()).rejects.toThrow('api (nowhere.invalid)');
  });

  it('refuses a name that leads to a private address, as it was resolved', async () => {
    const port = await rawServer(says('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    // "localhost" by another name: the guard judges the address and not the spelling.
    const registry = { upstreams: {}, undeclared: 'cache', allowPrivateAddresses: ['10.0.0.0/8'] } as const;
    const fetch = await fetcher(`http://${'a'.repeat(3)}.localhost.:${port}`, { registry });
    await expect(fetch()).rejects.toMatchObject({ code: 'forbidden-target' });
  });

  it('refuses a connection that leads to Pannier itself by another name', async () => {
    const port = await rawServer(says('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    const registry = { ownAddresses: [{ host: '127.0.0.1', port }] };
    const fetch = await fetcher(`http://localhost:${port}`, { registry });
    await expect(fetch()).rejects.toMatchObject({ code: 'forbidden-target' });
  });

  it('ends with the reason of its signal', async () => {
    const port = await rawServer(() => undefined);
    const leaving = new AbortController();
    const failed = (await fetcher(`http://127.0.0.1:${port}`))(leaving.signal);
    leaving.abort(new Error('nobody waits'));
    await expect(failed).rejects.toMatchObject({ cause: { message: 'nobody waits' } });
  });
});
