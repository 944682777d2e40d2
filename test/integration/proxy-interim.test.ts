/** Interim responses and trailers, which only raw sockets can see for sure. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack } from './proxy-stack.ts';
import type { ProxyStack } from './proxy-stack.ts';
import { ending, rawUpstream, speak, until } from './raw-peers.ts';
import type { RawUpstream } from './raw-peers.ts';

const HINT =
  'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload, </b.js>\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n';
const PROCESSING = 'HTTP/1.1 102 Processing\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n';
const PLAIN = `${OK}Content-Length: 2\r\n\r\nok`;
const TRAILED =
  `${OK}Transfer-Encoding: chunked\r\nTrailer: X-Sum, Set-Cookie\r\n\r\n` +
  '2\r\nok\r\n0\r\nX-Sum: 42\r\nSet-Cookie: id=1\r\nX-More: 1\r\n\r\n';
const REPLIES: Readonly<Record<string, string>> = {
  '/hinted': PROCESSING + HINT + PROCESSING + PLAIN,
  '/continued': `HTTP/1.1 100 Continue\r\n\r\n${PLAIN}`,
  '/lengthy': `HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n${PLAIN}`,
  '/endless': HINT.repeat(5000) + PLAIN,
  '/plain': PLAIN,
  '/late': PLAIN,
  '/trailed': TRAILED,
};

/** Answers of that path come behind those that were asked for after it; were they not to, no test would fail. */
const LATE_MS = 200;

let upstream: RawUpstream;
let stack: ProxyStack;
/** Heads that arrived at the upstream. */
const seen: string[] = [];
beforeAll(async () => {
  upstream = await rawUpstream((socket) => {
    void until(socket, '\r\n\r\n').then((head) => {
      seen.push(head.toLowerCase());
      const late = head.includes('/late') ? LATE_MS : 0;
      return setTimeout(() => socket.end(REPLIES[/ (\/\w+)/.exec(head)?.[1] ?? ''] ?? ''), late);
    });
  });
  stack = await startStack(() => ({ upstreams: { odd: { url: upstream.url } } }));
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** A request that goes past the cache, as it stands on the wire. */
function passing(path: string, { fields = '', version = '1.1', method = 'GET' } = {}): string {
  return (
    `${method} ${upstream.url}${path} HTTP/${version}\r\nHost: ${upstream.url.slice(7)}\r\n` +
    `Authorization: Basic eA==\r\n${fields}\r\n`
  );
}

async function receive(...requests: string[]): Promise<string> {
  const last = requests.at(-1)?.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n') ?? '';
  const text = [...requests.slice(0, -1), last].join('');
  return (await ending(await speak(stack.proxyPort, text))).text;
}

const statuses = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code = '']) => code);

describe('interim responses on the pass-through', () => {
  it('reach the client in their order, without what is for one connection', async () => {
    const text = await receive(passing('/hinted'));
    expect(statuses(text)).toEqual(['102', '103', '102', '200']);
    expect(text).toContain('Link: </a.css>; rel=preload, </b.js>\r\n');
    expect(text).not.toMatch(/x-hop/i);
    expect(text).toMatch(/ok$/);
  });

  it('never reach a client of HTTP/1.0', async () => {
    expect(statuses(await receive(passing('/hinted', { version: '1.0' })))).toEqual(['200']);
  });

  it('come without a 100, which is the business of each connection, and without a length', async () => {
    expect(statuses(await receive(passing('/continued')))).toEqual(['200']);
    const text = await receive(passing('/lengthy'));
    expect(statuses(text)).toEqual(['103', '200']);
    expect(text).not.toContain('Content-Length: 5');
  });

  it('wait for their place behind an earlier request of the connection', async () => {
    const text = await receive(passing('/late'), passing('/hinted'), passing('/plain'));
    expect(statuses(text)).toEqual(['200', '102', '103', '102', '200', '200']);
  });

  it('are dropped beyond a bound, and the final one comes all the same', async () => {
    const text = await receive(passing('/endless'));
    const hints = statuses(text).filter((status) => status === '103').length;
    expect(hints).toBeGreaterThan(100);
    expect(hints).toBeLessThan(5000);
    expect(text).toMatch(/HTTP\/1\.1 200 [^]*ok$/);
  });
});

describe('trailers on the pass-through', () => {
  it('reach a client that says it reads them, but for those that come too late behind a body', async () => {
    const text = await receive(passing('/trailed', { fields: 'TE: trailers\r\nConnection: TE\r\n' }));
    expect(text).toMatch(/\r\nTrailer: x-sum\r\n/);
    expect(text).toMatch(/\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\nX-More: 1\r\n\r\n$/);
    expect(text).not.toContain('Set-Cookie');
    expect(seen.at(-1)).toMatch(/\r\nte: trailers\r\n/);
    expect(seen.at(-1)).toMatch(/\r\nconnection: close, te\r\n/);
  });

  it("are dropped for one that does not, and asked for on nobody's behalf", async () => {
    const text = await receive(passing('/trailed', { fields: 'TE: gzip\r\n' }));
    expect(text).toMatch(/\r\n2\r\nok\r\n0\r\n\r\n$/);
    expect(text).not.toMatch(/trailer/i);
    expect(seen.at(-1)).not.toMatch(/\r\nte:/);
  });

  it('have no place on a HEAD', async () => {
    const text = await receive(passing('/trailed', { method: 'HEAD', fields: 'TE: trailers\r\n' }));
    expect(text).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
    expect(text).not.toMatch(/x-sum/i);
  });
});

it('by the cache neither interim responses nor trailers reach anybody', async () => {
  const cached = (path: string): string =>
    passing(path, { fields: 'TE: trailers\r\n' }).replace(/Authorization.*\r\n/, '');
  for (const path of ['/hinted', '/trailed']) {
    for (const _time of ['fetched', 'stored']) {
      const text = await receive(cached(path));
      expect(statuses(text)).toEqual(['200']);
      expect(text).toMatch(/ok(?:\r\n0\r\n\r\n)?$/);
      expect(text).not.toMatch(/x-sum/i);
    }
  }
});
