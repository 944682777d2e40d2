import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { startStack } from './proxy-stack.ts';
import type { ProxyStack } from './proxy-stack.ts';
import { ending, rawUpstream, speak, until } from './raw-peers.ts';

let stack: ProxyStack;
beforeAll(async () => (stack = await startStack()));
afterAll(async () => await stack[Symbol.asyncDispose]());

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok';

/** What arrives at an upstream when the client sends this through the proxy. */
async function arriving(head: (url: string) => string, body: string, last: string): Promise<string> {
  const seen = Promise.withResolvers<string>();
  await using upstream = await rawUpstream((socket) => {
    until(socket, last).then((text) => {
      seen.resolve(text);
      socket.end(OK);
    }, seen.reject);
  });
  const client = await speak(stack.proxyPort, head(upstream.url) + body);
  const text = await seen.promise;
  client.destroy();
  return text.toLowerCase();
}

it.each(['POST', 'DELETE', 'OPTIONS', 'PUT'])('%s with a chunked body arrives chunked', async (method) => {
  const seen = await arriving(
    (url) => `${method} ${url}/x HTTP/1.1\r\nhost: ${url.slice(7)}\r\ntransfer-encoding: chunked\r\n\r\n`,
    '5\r\nhello\r\n0\r\n\r\n',
    '0\r\n\r\n',
  );
  expect(seen).toContain('transfer-encoding: chunked');
  expect(seen).not.toContain('content-length');
  expect(seen).toContain('5\r\nhello\r\n');
});

it.each(['POST', 'DELETE'])('%s with a length arrives with that length', async (method) => {
  const seen = await arriving(
    (url) => `${method} ${url}/x HTTP/1.1\r\nhost: ${url.slice(7)}\r\ncontent-length: 5\r\n\r\n`,
    'hello',
    'hello',
  );
  expect(seen).toContain('content-length: 5');
  expect(seen).not.toContain('transfer-encoding');
});

it.each(['DELETE', 'OPTIONS'])('%s without a body arrives without a frame', async (method) => {
  const seen = await arriving(
    (url) => `${method} ${url}/x HTTP/1.1\r\nhost: ${url.slice(7)}\r\n\r\n`,
    '',
    '\r\n\r\n',
  );
  expect(seen).not.toMatch(/transfer-encoding|content-length: [1-9]/);
});

it('keeps framing and identity although Connection names them, and drops what else it names', async () => {
  const seen = await arriving(
    (url) =>
      `POST ${url}/x HTTP/1.1\r\nhost: ${url.slice(7)}\r\nauthorization: Basic eA==\r\nx-hop: 1\r\n` +
      'content-length: 5\r\nconnection: close, content-length, authorization, x-hop\r\n\r\n',
    'hello',
    'hello',
  );
  expect(seen).toContain('content-length: 5');
  expect(seen).toContain('authorization: basic eA=='.toLowerCase());
  expect(seen).not.toContain('x-hop');
});

it('answers Expect with 100 and sends the body on', async () => {
  await using upstream = await rawUpstream((socket) => {
    void until(socket, 'hello').then(() => socket.end(OK));
  });
  const client = await speak(
    stack.proxyPort,
    `POST ${upstream.url}/x HTTP/1.1\r\nhost: ${upstream.url.slice(7)}\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n`,
  );
  await until(client, '100 Continue');
  client.write('hello');
  expect(await until(client, 'ok')).toContain('200 OK');
  client.destroy();
});

const BROKEN: Readonly<Record<string, (socket: Socket) => void>> = {
  'ends by a reset without a length': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhalf of it', () =>
      setTimeout(() => socket.resetAndDestroy(), 50),
    );
  },
  'is shorter than its length': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf of it'),
  'is cut within a chunk': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n20\r\nhalf of it'),
};

it.each(Object.keys(BROKEN))('a body that %s reaches the client broken', async (name) => {
  await using upstream = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then(() => BROKEN[name]?.(socket));
  });
  await expect(curl(`${upstream.url}/x`, stack.proxyUrl, { method: 'POST', body: 'x' })).rejects.toThrow();
});

it('a body that is ended in good order without a length is whole', async () => {
  await using upstream = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then(() =>
      socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it'),
    );
  });
  const answer = await curl(`${upstream.url}/x`, stack.proxyUrl, { method: 'POST', body: 'x' });
  expect(answer.body.toString()).toBe('all of it');
});

it('a client that leaves during its upload ends the upstream request', async () => {
  const ended = Promise.withResolvers<undefined>();
  await using upstream = await rawUpstream((socket) => {
    void until(socket, 'part').then(() => {
      socket.resume();
      socket.once('close', () => ended.resolve(undefined));
    });
  });
  const client = await speak(
    stack.proxyPort,
    `POST ${upstream.url}/x HTTP/1.1\r\nhost: ${upstream.url.slice(7)}\r\ncontent-length: 5000\r\n\r\npart`,
  );
  setTimeout(() => client.resetAndDestroy(), 100);
  await ended.promise;
});

it('an upstream that never answers is given up after its declared time', async () => {
  await using upstream = await rawUpstream(() => undefined);
  await using bounded = await startStack(() => ({
    upstreams: { slow: { url: upstream.url, fetchTimeoutMs: 200 } },
  }));
  const answer = await curl(`${upstream.url}/x`, bounded.proxyUrl, { method: 'POST', body: 'x' });
  expect(answer.status).toBe(504);
  expect(answer.headers['proxy-status']).toContain('http_response_timeout');
});

function upgradeHead(url: string): string {
  return (
    `GET ${url}/ws HTTP/1.1\r\nhost: ${url.slice(7)}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
    'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n'
  );
}

const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n';

it('an upgrade to an upstream that is not there is answered 502 with the reason', async () => {
  const gone = await rawUpstream(() => undefined);
  await gone[Symbol.asyncDispose]();
  const { text } = await ending(await speak(stack.proxyPort, upgradeHead(gone.url)));
  expect(text).toContain('HTTP/1.1 502 Bad Gateway');
  expect(text).toContain('connection_refused');
});

it('an upgrade to a metadata address is refused', async () => {
  const { text } = await ending(await speak(stack.proxyPort, upgradeHead('http://169.254.169.254')));
  expect(text).toContain('HTTP/1.1 403 Forbidden');
});

it('an answer that is no upgrade is relayed with its body', async () => {
  await using upstream = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then(() =>
      socket.end('HTTP/1.1 426 Upgrade Required\r\ncontent-length: 4\r\nx-why: version\r\n\r\nnope'),
    );
  });
  const { text } = await ending(await speak(stack.proxyPort, upgradeHead(upstream.url)));
  expect(text).toMatch(/^HTTP\/1.1 426 /);
  expect(text.toLowerCase()).toContain('x-why: version');
  expect(text.endsWith('nope')).toBe(true);
});

it('an answer to an upgrade that breaks off in its body ends in a reset', async () => {
  await using upstream = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then(() =>
      socket.end('HTTP/1.1 426 No\r\ncontent-length: 40\r\n\r\nnope'),
    );
  });
  expect((await ending(await speak(stack.proxyPort, upgradeHead(upstream.url)))).end).toBe('reset');
});

it('a WebSocket client that resets ends the upstream connection, and the proxy lives on', async () => {
  const ended = Promise.withResolvers<undefined>();
  await using upstream = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then(() => {
      socket.write(SWITCHED);
      socket.resume().once('close', () => ended.resolve(undefined));
      socket.once('end', () => socket.end());
    });
  });
  const client = await speak(stack.proxyPort, upgradeHead(upstream.url));
  await until(client, '101 Switching');
  client.write('frame');
  client.resetAndDestroy();
  await ended.promise;
  expect((await curl(`${stack.upstream.url}/small?id=7`, stack.proxyUrl)).status).toBe(200);
});

it('a WebSocket client that leaves before the upstream has answered leaves nothing behind', async () => {
  const [asked, ended] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  await using upstream = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then(() => {
      socket.resume().once('close', () => ended.resolve(undefined));
      asked.resolve(undefined);
    });
  });
  const client = await speak(stack.proxyPort, upgradeHead(upstream.url));
  await asked.promise;
  client.resetAndDestroy();
  await ended.promise;
});

it('an upstream that resets a WebSocket is seen as a reset', async () => {
  await using upstream = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then(() => {
      socket.write(SWITCHED);
      setTimeout(() => socket.resetAndDestroy(), 50);
    });
  });
  const { text, end } = await ending(await speak(stack.proxyPort, upgradeHead(upstream.url)));
  expect(text).toContain('101 Switching Protocols');
  expect(end).toBe('reset');
});

it('an offer to upgrade to HTTP/2 is passed over, and the request answered', async () => {
  const url = `${stack.upstream.url}/small?id=8`;
  const client = await speak(
    stack.proxyPort,
    `GET ${url} HTTP/1.1\r\nhost: ${stack.upstream.url.slice(7)}\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n`,
  );
  expect(await until(client, '\r\n\r\n')).toContain('200 OK');
  client.destroy();
});

it('CONNECT to a TLS port where nobody listens is refused with 502', async () => {
  const { text } = await ending(
    await speak(stack.proxyPort, 'CONNECT 127.0.0.1:993 HTTP/1.1\r\nhost: 127.0.0.1:993\r\n\r\n'),
  );
  expect(text).toContain('HTTP/1.1 502 Bad Gateway');
});

it('a tunnel carries the end of one direction, and the reset of the upstream', async () => {
  await using upstream = await rawUpstream(
    (socket) => {
      void until(socket, 'ping').then(async () => {
        setImmediate(() => socket.resume());
        await once(socket, 'end');
        socket.write('pong', () => setTimeout(() => socket.resetAndDestroy(), 50));
      });
    },
    { allowHalfOpen: true },
  );
  const client = await speak(
    stack.proxyPort,
    `CONNECT 127.0.0.1:${upstream.port} HTTP/1.1\r\nhost: 127.0.0.1:${upstream.port}\r\n\r\n`,
  );
  await until(client, '200 Connection Established');
  client.end('\u0000ping');
  const { text, end } = await ending(client);
  expect(text).toBe('pong');
  expect(end).toBe('reset');
});

it('nothing stays open behind all this', async () => {
  await eventually(async () => {
    const text = await (await fetch(`${stack.proxyAdminUrl}/metrics`)).text();
    expect(Number(/^pannier_proxy_connections(?:\{\})? (\d+)/m.exec(text)?.[1])).toBeLessThanOrEqual(2);
  });
});
