/** What becomes of answers that two readers could take in two ways, on both ways upstream. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStack } from '../proxy-stack.ts';
import type { ProxyStack } from '../proxy-stack.ts';
import { receive, startScriptedUpstream, WAYS } from './scripted-upstream.ts';
import type { ScriptedUpstream } from './scripted-upstream.ts';

const OK = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n';
const PLAIN = `${OK}Content-Length: 2\r\n\r\nok`;
const CHUNKS = '2\r\nok\r\n0\r\n\r\n';
const SECOND = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';

/** Heads that are refused whole: nothing of them may reach a client or the store. */
const REFUSED: Readonly<Record<string, string>> = {
  'a length before a coding': `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
  'a coding before a length': `${OK}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n${CHUNKS}`,
  'two lengths': `${OK}Content-Length: 2\r\nContent-Length: 5\r\n\r\nokokok`,
  'a list of lengths': `${OK}Content-Length: 2, 2\r\n\r\nok`,
  'a length with a sign': `${OK}Content-Length: +2\r\n\r\nok`,
  'a bare LF in a value': `${OK}X: a\nSet-Cookie: id=poison\r\nContent-Length: 2\r\n\r\nok`,
  'a bare CR in a value': `${OK}X: a\rSet-Cookie: id=poison\r\nContent-Length: 2\r\n\r\nok`,
  'a NUL in a value': `${OK}X: a\u0000b\r\nContent-Length: 2\r\n\r\nok`,
  'a folded value': `${OK}X: a\r\n b\r\nContent-Length: 2\r\n\r\nok`,
  'a space before a colon': `${OK}Content-Length : 2\r\n\r\nok`,
  'a head of bare LFs': 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
  'a bare LF in the reason': 'HTTP/1.1 200 O\nK\r\nContent-Length: 2\r\n\r\nok',
  'no head at all': 'ok',
};

/** Bodies that break while they arrive. */
const BROKEN: Readonly<Record<string, string>> = {
  'a chunk of size 0x2': `${OK}Transfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n`,
  'an extension with a bare LF': `${OK}Transfer-Encoding: chunked\r\n\r\n2;\nok\r\n0\r\n\r\n`,
  'a chunk that does not end': `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n`,
  'a trailer that names a length': `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n`,
};

/** Answers that end before all of their bytes. */
const FOLLOWED: Readonly<Record<string, string>> = {
  'a body with a length': PLAIN + SECOND,
  'a body in chunks': `${OK}Transfer-Encoding: chunked\r\n\r\n${CHUNKS}${SECOND}`,
};

/** What Node's client lets pass, and the pass-through must not. */
const IMPROPER: Readonly<Record<string, string>> = {
  'a coding beside chunked': `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n${CHUNKS}`,
  'an unknown coding': `${OK}Transfer-Encoding: xchunked\r\nConnection: close\r\n\r\nok`,
  'a coding with HTTP/1.0': `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKS}`,
  'a length with leading zeros': `${OK}Content-Length: 002\r\n\r\nok`,
  'another version': 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'a status of 99': 'HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok',
  'a 101 that nobody asked for':
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nok',
};

const HINT = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
const REPLIES: Record<string, string> = {
  '/plain': PLAIN,
  '/part':
    'HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok',
  '/unchanged': 'HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nETag: "a"\r\n\r\n',
  '/empty': 'HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok',
  '/flood': HINT.repeat(5000) + PLAIN,
};
for (const [name, reply] of Object.entries({ ...REFUSED, ...BROKEN, ...FOLLOWED, ...IMPROPER }))
  REPLIES[`/${name.replaceAll(' ', '-')}`] = reply;

let upstream: ScriptedUpstream;
let stack: ProxyStack;
beforeAll(async () => {
  upstream = await startScriptedUpstream(REPLIES);
  stack = await startStack(() => ({ upstreams: { odd: { url: upstream.url } } }));
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

describe.each(WAYS)('by the %s', (way) => {
  const get = async (name: string, method = 'GET'): Promise<{ text: string; end: string }> => {
    const url = `${upstream.url}/${name.replaceAll(' ', '-')}`;
    return await receive(stack.proxyPort, url, { way, method });
  };

  it.each(Object.keys(REFUSED))('a head with %s is answered 502, and asked for anew', async (name) => {
    const before = upstream.asked(`/${name.replaceAll(' ', '-')}`);
    for (let time = 0; time < 2; time += 1) {
      const { text } = await get(name);
      expect(text).toMatch(/^HTTP\/1\.1 502 /);
      expect(text).not.toMatch(/poison|\bok$/);
    }
    expect(upstream.asked(`/${name.replaceAll(' ', '-')}`) - before).toBeGreaterThanOrEqual(2);
  });

  it.each(Object.keys(BROKEN))('a body with %s reaches the client broken, and is not kept', async (name) => {
    for (let time = 0; time < 2; time += 1) {
      const { text } = await get(name);
      expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
      expect(text).not.toMatch(/cache-status:.*hit/i);
    }
  });

  it.each(Object.keys(FOLLOWED))('what stands behind %s reaches nobody', async (name) => {
    expect((await get(name)).text).not.toContain('poison');
    expect((await get('plain')).text).toMatch(/^HTTP\/1\.1 200 [^]*ok$/);
    expect((await get('plain', 'HEAD')).text).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
  });

  it('a part that nobody asked for is passed on as one, and never kept', async () => {
    for (let time = 0; time < 2; time += 1) {
      const { text } = await get('part');
      expect(text).toMatch(/^HTTP\/1\.1 206 [^]*content-range: bytes 0-1\/9[^]*ok$/i);
      expect(text).not.toMatch(/cache-status:.*hit/i);
    }
  });

  it('a 304 that nobody asked for is passed on without a body, and never kept', async () => {
    for (let time = 0; time < 2; time += 1) {
      const { text } = await get('unchanged');
      expect(text).toMatch(/^HTTP\/1\.1 304 [^]*\r\n\r\n$/);
      expect(text).not.toMatch(/cache-status:.*hit/i);
    }
  });

  it('a body on HEAD is dropped', async () => {
    expect((await get('plain', 'HEAD')).text).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\n$/);
  });

  it('a flood of interim answers does not hide the final one', async () => {
    expect((await get('flood')).text).toMatch(/HTTP\/1\.1 200 [^]*ok$/);
  });
});

it.each(Object.keys(IMPROPER))('%s is answered 502 by the pass-through', async (name) => {
  const url = `${upstream.url}/${name.replaceAll(' ', '-')}`;
  const { text } = await receive(stack.proxyPort, url, { way: 'pass-through' });
  expect(text).toMatch(/^HTTP\/1\.1 502 [^]*error=http_protocol_error/);
});

it('a 204 has no length, whatever the upstream says', async () => {
  const { text } = await receive(stack.proxyPort, `${upstream.url}/empty`, { way: 'pass-through' });
  expect(text).toMatch(/^HTTP\/1\.1 204 /);
  expect(text).not.toMatch(/content-length/i);
});
