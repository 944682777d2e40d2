import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { listenOnLoopback } from '../fixture/loopback-port.ts';
import { startStack } from './proxy-stack.ts';
import type { ProxyStack } from './proxy-stack.ts';

/** Answers with what was written last; the body of an answer that is held ends later. */
const written = new Map<string, string>();
const held = new Map<string, ServerResponse>();
let location: string | undefined;
const upstream = createServer((request, response) => {
  const path = request.url ?? '';
  if (request.method === 'PUT') {
    written.set(path, 'new');
    if (location !== undefined) {
      written.set(new URL(location).pathname, 'new');
      response.setHeader('location', location);
    }
    request.resume();
    response.end();
    return;
  }
  const value = written.get(path) ?? 'old';
  response.writeHead(200, { 'cache-control': 'max-age=600', 'content-length': 3 });
  if (path.startsWith('/held') && value === 'old') {
    response.write('o');
    held.set(path, response);
  } else response.end(value);
});

const ALIAS = 'http://alias.example';
let url: string;
let stack: ProxyStack;
beforeAll(async () => {
  url = `http://127.0.0.1:${await listenOnLoopback(upstream)}`;
  stack = await startStack(() => ({
    upstreams: { mine: { url, match: [ALIAS, 'https://other.example'] } },
  }));
});
afterEach(() => (location = undefined));
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  upstream.closeAllConnections();
  upstream.close();
});

const get = async (target: string): Promise<string> => (await curl(target, stack.proxyUrl)).body.toString();
const put = async (target: string): Promise<void> => {
  expect((await curl(target, stack.proxyUrl, { method: 'PUT', body: 'x' })).status).toBe(200);
};

it.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'what a read began before a write brings is not kept: round %i',
  async (round) => {
    const target = `${url}/held/${round}`;
    const first = get(target);
    await eventually(() => expect(held.has(`/held/${round}`)).toBe(true));
    await put(target);
    held.get(`/held/${round}`)?.end('ld');
    expect(await first).toBe('old');
    expect(await get(target)).toBe('new');
  },
);

it('a write by one name of an upstream outdates what is kept of it by another', async () => {
  for (const [at, by] of [url, ALIAS, 'http://ALIAS.example:80'].entries()) {
    const names = [url, ALIAS].map((origin) => `${origin}/named/${at}`);
    for (const name of names) expect(await get(name)).toBe('old');
    await put(`${by}/named/${at}`);
    for (const name of names) expect(await get(name), `${name} written by ${by}`).toBe('new');
  }
});

it('so does a write that names it by any of them', async () => {
  for (const [at, by] of [url, ALIAS, 'https://other.example'].entries()) {
    const names = [url, ALIAS].map((origin) => `${origin}/made/${at}`);
    for (const name of names) expect(await get(name)).toBe('old');
    location = `${by}/made/${at}`;
    await put(`${ALIAS}/collection`);
    for (const name of names) expect(await get(name), `${name} named as ${location}`).toBe('new');
  }
});
