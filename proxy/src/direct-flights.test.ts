import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createNearCache } from '@pannier/client/transport';
import type { HeaderList } from '@pannier/http-semantics';
import { loadConfig } from '@pannier/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createDirectFetch } from './direct-fetch.ts';
import type { DirectFetch } from './direct-fetch.ts';
import { createDirectFlights } from './direct-flights.ts';
import type { DirectAnswer, DirectFlights } from './direct-flights.ts';
import { createEgress } from './egress.ts';
import { FallbackSlots } from './fallback-slots.ts';
import { createUpstreamRoutes } from './upstream-route.ts';

/** An upstream whose answers wait for a test. */
let waiting: { request: IncomingMessage; response: ServerResponse }[];
const upstream = createServer((request, response) => void waiting.push({ request, response }));
const near = createNearCache({ bytesMax: 0, entryBytesMax: 0 });
const LIMITS = { windowBytesMax: 1024 ** 2, budget: { bytes: 0, bytesMax: 1024 ** 3 } };
const NEVER = new AbortController().signal;

let direct: DirectFetch;
let flights: DirectFlights;
let authority: string;
let nowMs: number;
beforeEach(async () => {
  waiting = [];
  nowMs = Date.now();
  upstream.listen(0, '127.0.0.1');
  await new Promise((resolve) => upstream.once('listening', resolve));
  authority = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  direct = createDirectFetch(
    createEgress(() => new Set()),
    65_536,
  );
  flights = createDirectFlights({
    direct,
    limits: LIMITS,
    slots: new FallbackSlots(),
    pseudonym: 'test',
    now: () => nowMs,
  });
});
afterEach(async () => {
  await direct.close();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

/** Asks as a client with these headers does; all have the same key. */
async function ask(headers: HeaderList = [], settings: object = {}): Promise<DirectAnswer | 'alone'> {
  const { upstreams, proxy } = loadConfig({
    env: {},
    overrides: { upstreams: { api: { url: `http://${authority}`, ...settings } } },
  });
  const route = createUpstreamRoutes({ upstreams, proxy })({ scheme: 'http', authority, path: '/a' });
  const url = `http://${authority}/a`;
  const asked = { method: 'GET', url, headers, httpVersion: '1.1', route };
  return await flights.answer(asked, { nearKey: url, near }, NEVER);
}

async function arrived(count: number): Promise<void> {
  while (waiting.length < count) await new Promise((resolve) => upstream.once('request', resolve));
}

async function textOf(answer: DirectAnswer | 'alone'): Promise<string> {
  if (answer === 'alone') return answer;
  const { body } = answer.response;
  if (body.kind === 'whole') return Buffer.from(body.bytes).toString();
  let text = '';
  for await (const chunk of body.read(NEVER)) text += Buffer.from(chunk).toString();
  return text;
}

it('gives one fetch to all who ask while it is under way', async () => {
  const asking = [ask(), ask()];
  await arrived(1);
  waiting[0]!.response.end('one');
  expect(await Promise.all((await Promise.all(asking)).map(textOf))).toEqual(['one', 'one']);
  expect(waiting).toHaveLength(1);
});

it('gives nobody who asks after a write what was asked for before it', async () => {
  const before = ask();
  await arrived(1);
  near.deleteUrl(`http://${authority}/a`);
  const after = [ask(), ask()];
  await arrived(2);
  for (const [at, { response }] of waiting.entries()) response.end(at === 0 ? 'old' : 'new');
  expect(await textOf(await before)).toBe('old');
  for (const answer of after) expect(await textOf(await answer)).toBe('new');
  expect(waiting).toHaveLength(2);
});

it('shares between those alone who send the same, where the upstream gets all that they send', async () => {
  const open = { forwardHeaders: ['*'] };
  const asking = ['alice', 'bob', 'alice'].map(async (user) => await ask([['X-User', user]], open));
  await arrived(2);
  for (const { request, response } of waiting) response.end(`for ${String(request.headers['x-user'])}`);
  expect(await Promise.all(asking.map(async (answer) => await textOf(await answer)))).toEqual([
    'for alice',
    'for bob',
    'for alice',
  ]);
  expect(waiting).toHaveLength(2);
});

it.each([{}, { setCookie: 'rfc' }])('gives a cookie to the first one alone, by %o', async (settings) => {
  const asking = [ask([], settings), ask([], settings)];
  await arrived(1);
  waiting[0]!.response.writeHead(302, { 'set-cookie': 'session=alice', location: '/b' }).end('mine');
  expect(await Promise.all(asking.map(async (answer) => await textOf(await answer)))).toEqual([
    'mine',
    'alone',
  ]);
});

it('shares a cookie that is stored for all, by the decision of the operator', async () => {
  const asking = [ask([], { setCookie: 'rfc' }), ask([], { setCookie: 'rfc' })];
  await arrived(1);
  waiting[0]!.response
    .writeHead(200, { 'set-cookie': 'theme=dark', 'cache-control': 'max-age=60' })
    .end('all');
  expect(await Promise.all(asking.map(async (answer) => await textOf(await answer)))).toEqual(['all', 'all']);
});

it.each([
  {
    what: 'must not be used again is for those alone who waited',
    first: { status: 400, headers: {} },
    asked: 2,
  },
  {
    what: 'has a lifetime but is of a status that is never kept is, too',
    first: { status: 429, headers: { 'cache-control': 'max-age=60' } },
    asked: 2,
  },
  {
    what: 'is fresh is for whoever comes while it arrives',
    first: { status: 200, headers: { 'cache-control': 'max-age=60' } },
    asked: 1,
  },
  {
    what: 'must be confirmed before each use is for whoever comes in the next moment',
    first: { status: 200, headers: { 'cache-control': 'no-cache', etag: '"1"' } },
    asked: 1,
  },
])('a response that $what', async ({ first, asked }) => {
  const waited = [ask(), ask()];
  await arrived(1);
  waiting[0]!.response.writeHead(first.status, first.headers).write('first');
  const answers = await Promise.all(waited);
  const later = ask();
  if (asked === 2) await arrived(2);
  for (const { response } of waiting) response.end('.');
  expect(await Promise.all(answers.map(textOf))).toEqual(['first.', 'first.']);
  expect(await textOf(await later)).toBe(asked === 2 ? '.' : 'first.');
  expect(waiting).toHaveLength(asked);
});

it('a response is for nobody who comes when it has become stale on its way', async () => {
  const first = ask();
  await arrived(1);
  waiting[0]!.response.writeHead(200, { 'cache-control': 'max-age=60' }).write('first');
  const answer = await first;
  nowMs += 61_000;
  const later = ask();
  await arrived(2);
  for (const { response } of waiting) response.end('.');
  expect(await Promise.all([answer, await later].map(textOf))).toEqual(['first.', '.']);
});

it('a response that arrives is for nobody who comes then and wants the word of the upstream', async () => {
  const first = ask();
  await arrived(1);
  waiting[0]!.response.writeHead(200, { 'cache-control': 'max-age=60' }).write('first');
  const answer = await first;
  const later = ask([['Cache-Control', 'no-cache']]);
  await arrived(2);
  for (const { response } of waiting) response.end('.');
  expect(await Promise.all([answer, await later].map(textOf))).toEqual(['first.', '.']);
});
