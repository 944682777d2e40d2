import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack } from './proxy-stack.ts';
import type { ProxyStack } from './proxy-stack.ts';
import { ending, rawUpstream, speak, until } from './raw-peers.ts';
import type { RawUpstream } from './raw-peers.ts';

/** Answers with the target that it was asked for, and keeps the request lines. */
const lines: string[] = [];
let upstream: RawUpstream;
let stack: ProxyStack;
beforeAll(async () => {
  upstream = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then((head) => {
      const [line = ''] = head.split('\r\n');
      lines.push(line);
      const [, target = ''] = line.split(' ');
      const fields = `Cache-Control: max-age=60\r\nContent-Length: ${target.length}\r\nConnection: close`;
      socket.end(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${target}`, 'latin1');
    });
  });
  stack = await startStack(() => ({
    upstreams: {
      whole: { url: upstream.url },
      below: { url: `${upstream.url}/v1`, forwardHeaders: ['x-a'] },
    },
    proxy: { routes: { '/geo': `${upstream.url}/v1/`, '/all': upstream.url, '/': `${upstream.url}/rest` } },
  }));
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** The answer to a request line, its target as it comes over the wire. */
async function ask(
  line: string,
  fields = '',
): Promise<{ status: string; cacheStatus: string; body: string }> {
  const head = `${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields}\r\n`;
  const { text } = await ending(await speak(stack.proxyPort, head));
  const [answer = '', ...rest] = text.split('\r\n\r\n');
  const cacheStatus = /^cache-status: (.*)$/im.exec(answer)?.[1] ?? '';
  return { status: answer.slice(9, 12), cacheStatus, body: rest.join('\r\n\r\n') };
}

const TARGETS = [
  '/a/../b',
  "/s?q='x'&u=%7e%27|",
  '/{a}"<b>^`|\\c',
  '//evil.example/x//',
  '/?',
  '/a?b?c/../d',
  '/v1/%2e%2e/x',
];

describe.each(TARGETS)('an upstream gets %s as it is written', (target) => {
  it.each([
    { way: 'through the cache', method: 'GET', fields: '', how: 'pannier-server; fwd=uri-miss' },
    { way: 'past the cache', method: 'GET', fields: 'Authorization: x\r\n', how: 'fwd=bypass' },
    { way: 'with a write', method: 'PUT', fields: 'Content-Length: 0\r\n', how: 'fwd=method' },
  ])('$way', async ({ method, fields, how }) => {
    const answer = await ask(`${method} ${upstream.url}${target}`, fields);
    expect(answer.cacheStatus).toContain(how);
    expect(lines.at(-1)).toBe(`${method} ${target} HTTP/1.1`);
    expect(answer.body).toBe(target);
  });

  it('by a route of the proxy', async () => {
    await ask(`POST /all${target}`, 'Content-Length: 0\r\n');
    expect(lines.at(-1)).toBe(`POST ${target} HTTP/1.1`);
  });

  it('to upgrade a connection', async () => {
    await ask(`GET ${upstream.url}${target}`, 'Connection: upgrade\r\nUpgrade: websocket\r\n');
    expect(lines.at(-1)).toBe(`GET ${target} HTTP/1.1`);
  });
});

it('keeps targets apart that a URL parser would take for one', async () => {
  for (const target of ['/one/../two', '/two', '/%74wo', '/two?', "/two?'", '/two?%27'])
    expect((await ask(`GET ${upstream.url}${target}`)).body).toBe(target);
});

it('a route leads nowhere above the place that it stands for', async () => {
  expect((await ask('GET /geo/a/../b')).body).toBe('/v1/a/../b');
  // By the route of everything else, which leads below a path of its own.
  expect((await ask('GET /geo/../admin')).body).toBe('/rest/geo/../admin');
  const before = lines.length;
  for (const target of [
    '/geo/../../admin',
    '/%2e%2E/admin',
    '/geo\\..\\..\\admin',
    '/geo//../../admin',
    '/../geo',
  ])
    expect((await ask(`GET ${target}`)).status, target).toBe('400');
  expect(lines).toHaveLength(before);
});
