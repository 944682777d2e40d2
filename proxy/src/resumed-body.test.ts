import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LookupResponse } from '@pannier/client/transport';
import type { HeaderList } from '@pannier/http-semantics';
import { loadConfig } from '@pannier/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createDirectFetch } from './direct-fetch.ts';
import type { DirectFetch } from './direct-fetch.ts';
import { createEgress } from './egress.ts';
import { FallbackSlots } from './fallback-slots.ts';
import { resumedBody } from './resumed-body.ts';
import { createUpstreamRoutes } from './upstream-route.ts';

/** Gives each region a body of its own, all with the same tag, as a build that tags its sources does. */
const BODIES: Record<string, string> = { us: 'US-US-US', none: 'none-non' };
let asked: IncomingHttpHeaders[];
let coding: string | undefined;
/** What the upstream answers with; its tag is that of what it has now. */
let part: { status: number; etag: string | undefined };
const upstream = createServer((request, response) => {
  asked.push(request.headers);
  const body = BODIES[String(request.headers['x-region'] ?? 'none')] ?? '';
  const first = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1]);
  response.writeHead(part.status, {
    ...(part.etag === undefined ? {} : { etag: part.etag }),
    'content-range': `bytes ${first}-7/8`,
    ...(coding === undefined ? {} : { 'content-encoding': coding }),
  });
  response.end(body.slice(first));
});

let direct: DirectFetch;
let authority: string;
beforeEach(async () => {
  asked = [];
  coding = undefined;
  part = { status: 206, etag: '"build-42"' };
  upstream.listen(0, '127.0.0.1');
  await new Promise((resolve) => upstream.once('listening', resolve));
  authority = `127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  direct = createDirectFetch(
    createEgress(() => new Set()),
    65_536,
  );
});
afterEach(async () => {
  await direct.close();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

const BROKEN = new Error('broke');

/** What a client gets whose answer, with these fields, breaks after three bytes. */
async function resumed(start: string, headers: HeaderList, fields: HeaderList): Promise<string> {
  const config = loadConfig({ env: {}, overrides: { upstreams: { api: { url: `http://${authority}` } } } });
  const route = createUpstreamRoutes(config)({ scheme: 'http', authority, path: '/a' });
  const request = { method: 'GET', url: `http://${authority}/a`, headers, httpVersion: '1.1', route };
  const answer: LookupResponse = {
    kind: 'response',
    status: 200,
    headers: [['etag', '"build-42"'], ...fields],
    outcome: 'hit',
    key: '',
    version: '',
    freshForMs: 0,
    bodyBytes: 8,
    body: {
      kind: 'stream',
      async *read() {
        yield Buffer.from(start);
        throw await Promise.resolve(BROKEN);
      },
      cancel: () => undefined,
    },
  };
  const parts = { direct, slots: new FallbackSlots(), pseudonym: 'test', onResumed: () => undefined };
  let text = '';
  const body = resumedBody(request, answer, { parts, signal: new AbortController().signal });
  for await (const chunk of body) text += Buffer.from(chunk).toString();
  return text;
}

it('finishes a variant with the headers that selected it', async () => {
  const headers: HeaderList = [
    ['X-Region', 'us'],
    ['X-Other', 'me'],
  ];
  expect(await resumed('US-', headers, [['vary', 'x-region']])).toBe('US-US-US');
  expect(asked[0]).not.toHaveProperty('x-other');
  expect(await resumed('non', [], [['vary', 'X-Region, Accept-Encoding']])).toBe('none-non');
});

it('finishes nothing where what selected it may not be sent, or nobody knows what did', async () => {
  const conditional: HeaderList = [['If-Match', '"a"']];
  await expect(resumed('non', conditional, [['vary', 'if-match']])).rejects.toBe(BROKEN);
  await expect(resumed('non', [], [['vary', '*']])).rejects.toBe(BROKEN);
  expect(asked).toEqual([]);
});

it('does not go on in another coding', async () => {
  coding = 'gzip';
  await expect(resumed('non', [], [['vary', 'accept-encoding']])).rejects.toBe(BROKEN);
  expect(await resumed('non', [], [['content-encoding', 'gzip']])).toBe('none-non');
  // A part need not repeat what If-Range proves: https://www.rfc-editor.org/rfc/rfc9110#section-15.3.7
  coding = undefined;
  expect(await resumed('non', [], [['content-encoding', 'gzip']])).toBe('none-non');
});

it('asks for the rest of that very version', async () => {
  expect(await resumed('non', [], [])).toBe('none-non');
  expect(asked[0]).toMatchObject({ range: 'bytes=3-', 'if-range': '"build-42"' });
});

it.each([
  ['a part of another version', { status: 206, etag: '"build-43"' }],
  ['a part of a version that it does not name', { status: 206, etag: undefined }],
  ['a part under a tag that does not promise the same bytes', { status: 206, etag: 'W/"build-42"' }],
  ['the whole', { status: 200, etag: '"build-42"' }],
])('stays broken when the upstream sends %s', async (_what, sent) => {
  part = sent;
  await expect(resumed('non', [], [])).rejects.toBe(BROKEN);
  expect(asked).toHaveLength(1);
});
