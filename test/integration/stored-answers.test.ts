import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { curl } from '../fixture/curl.ts';
import type { CurlAnswer } from '../fixture/curl.ts';
import { startStack } from './proxy-stack.ts';
import type { ProxyStack } from './proxy-stack.ts';

/** What is said of a path beyond that it is good for a minute. */
const SAID: Record<string, Record<string, string>> = {
  '/private': { 'cache-control': 'private' },
  '/private-by-tenant': { 'cache-control': 'private', vary: 'x-tenant' },
  '/private-by-anything': { 'cache-control': 'private', vary: '*' },
};

/** Counts up with each request, and says whose answer it gave. */
const asked: IncomingMessage[] = [];
let said: Record<string, string> = {};
const upstream = createServer((request, response) => {
  asked.push(request);
  const counted = { 'cache-control': 'max-age=60', etag: '"a"', 'x-count': asked.length };
  const tenant = String(request.headers['x-tenant']);
  const head = { ...counted, 'x-for': tenant, ...SAID[request.url ?? ''], ...said };
  response.writeHead(request.headers['if-none-match'] === '"a"' ? 304 : 200, head).end();
});

let url: string;
let stack: ProxyStack;
beforeAll(async () => {
  upstream.listen(0, '127.0.0.1');
  await new Promise((resolve) => upstream.once('listening', resolve));
  url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  stack = await startStack(() => ({ upstreams: { counting: { url } } }));
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  upstream.closeAllConnections();
  upstream.close();
});

async function get(path: string, headers: Record<string, string> = {}): Promise<CurlAnswer> {
  return await curl(`${url}${path}`, stack.proxyUrl, { headers });
}

it.each([
  ['no-store, only-if-cached', '/any'],
  ['only-if-cached', '/private'],
])('an upstream is not asked for %s', async (control, path) => {
  if (path === '/private') await get(path);
  const before = asked.length;
  const { status, headers } = await get(path, { 'cache-control': control });
  expect(status).toBe(504);
  expect(headers['cache-status']).toContain('only-if-cached');
  expect(asked.length).toBe(before);
});

it('what a 304 says of a response is heard although the client got the 304 itself', async () => {
  const { headers: first } = await get('/renewed');
  expect((await get('/renewed')).headers['x-count']).toBe(first['x-count']);
  const renewed = await get('/renewed', { 'cache-control': 'no-cache', 'if-none-match': '"a"' });
  expect(renewed.status).toBe(304);
  const { status, headers } = await get('/renewed');
  expect(status).toBe(200);
  expect(Number(headers['x-count'])).toBe(Number(first['x-count']) + 1);
});

it.each(['/private-by-tenant', '/private-by-anything'])(
  'what is for one caller alone, %s, is the answer to the headers of that caller',
  async (path) => {
    const { headers } = await get(path, { 'x-tenant': 'a' });
    expect(headers['x-for']).toBe('a');
  },
);

it('a HEAD that turns out to vary is the answer to the headers of its caller', async () => {
  await get('/varying');
  said = { vary: 'x-tenant' };
  const method = 'HEAD';
  const headers = { 'x-tenant': 'a', 'cache-control': 'no-cache' };
  const answer = await curl(`${url}/varying`, stack.proxyUrl, { method, headers });
  said = {};
  expect(answer.headers['x-for']).toBe('a');
});
