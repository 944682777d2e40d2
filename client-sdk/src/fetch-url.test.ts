import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { ErrorCode } from '@pannier/proto';
import { connect } from './connect.ts';
import type { PannierClient } from './connect.ts';
import { PannierError } from './errors.ts';
import { ticketResponse, wholeResponse } from './transport/scripted-server.fixture.ts';
import type { ScriptedLookup } from './transport/scripted-server.fixture.ts';
import { codeOf, endAll, endWithTest, serve } from './transport/scripted-test.fixture.ts';

afterEach(endAll);

type Answer = (lookup: ScriptedLookup) => void;

async function clientOf(lookup: Answer, options: Parameters<typeof connect>[1] = {}): Promise<PannierClient> {
  const { address } = await serve({ lookup });
  const client = connect(address, options);
  endWithTest(() => client.close());
  return client;
}

/** An upstream that says what it was asked. */
async function upstream(): Promise<string> {
  const server = createServer((request, response) => {
    response.setHeader('X-Method', request.method ?? '');
    request.pipe(response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  endWithTest(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a response has its status, headers, body, URL and how it came about', async () => {
  const client = await clientOf(({ reply }) => {
    const headers = [
      ['Content-Type', 'application/json'],
      ['Cache-Status', 'pannier-server; hit'],
      ['X-Two', 'a'],
      ['X-Two', 'b'],
    ] as const;
    reply(...wholeResponse('{"a":1}', { key: 'demo:original:x', version: 'v1' }, headers));
  });
  const response = await client.fetch('http://api.example/a#part');
  expect(response).toBeInstanceOf(Response);
  expect(response).toMatchObject({ status: 200, ok: true, url: 'http://api.example/a', redirected: false });
  expect(response.headers.get('cache-status')).toBe('pannier-server; hit');
  expect(response.headers.get('x-two')).toBe('a, b');
  expect(response.cache).toMatchObject({ outcome: 'hit', key: 'demo:original:x', version: 'v1' });
  expect(await response.json()).toEqual({ a: 1 });
});

test('content codings are undone, as fetch does', async () => {
  const client = await clientOf(({ reply }) => {
    const [head] = wholeResponse('', {}, [['Content-Encoding', 'gzip']]);
    reply(head!, { case: 'body', value: { data: gzipSync('hello') } });
  });
  expect(await (await client.fetch('http://api.example/a')).text()).toBe('hello');
});

test('a fresh small response is kept near, and says that it was', async () => {
  let asked = 0;
  const client = await clientOf(({ reply }) => {
    asked += 1;
    reply(
      ...wholeResponse(String(asked), { freshForMs: 60_000n, shareable: true }, [
        ['Age', '3'],
        ['Cache-Status', 'pannier-server; hit'],
      ]),
    );
  });
  await (await client.fetch('http://api.example/a')).text();
  const near = await client.fetch('http://api.example/a');
  expect(near.cache.outcome).toBe('near-hit');
  expect(near.headers.get('cache-status')).toMatch(/^pannier-server; hit, pannier-client; hit; ttl=\d+$/);
  expect(near.headers.get('age')).toBe('3');
  expect(await near.text()).toBe('1');
  const others: RequestInit[] = [
    { cache: 'no-cache' },
    { headers: { Accept: 'text/plain' } },
    { headers: { 'If-None-Match': '"x"' } },
  ];
  for (const init of others)
    expect((await client.fetch('http://api.example/a', init)).cache.outcome).toBe('hit');
  expect(asked).toBe(4);
});

test('no response is kept near when the cache is off or the server does not allow it', async () => {
  let asked = 0;
  const answer: Answer = ({ url, reply }) => {
    asked += 1;
    reply(...wholeResponse('', url.endsWith('fresh') ? { freshForMs: 60_000n, shareable: true } : {}));
  };
  const off = await clientOf(answer, { nearCacheBytesMax: 0 });
  for (let i = 0; i < 2; i += 1) await off.fetch('http://api.example/fresh');
  const on = await clientOf(answer);
  for (let i = 0; i < 2; i += 1) await on.fetch('http://api.example/stale');
  expect(asked).toBe(4);
});

test('what the server leaves to the client is asked of the upstream, or refused when the caller wants that', async () => {
  const bypass: Answer = ({ reply }) => reply({ case: 'bypass', value: { reason: 'bypass-credentials' } });
  const url = await upstream();
  const response = await (await clientOf(bypass)).fetch(url, { headers: { Authorization: 'x' } });
  expect(response.cache.outcome).toBe('bypass-credentials');
  expect(response.headers.get('x-method')).toBe('GET');
  const refused = (await clientOf(bypass, { onBypass: 'error' })).fetch(url);
  await expect(refused).rejects.toThrow(/bypass-credentials/);
});

test('other methods go straight to the upstream with their body', async () => {
  const client = await clientOf(() => {
    throw new Error('the cache was asked');
  });
  const response = await client.fetch(await upstream(), { method: 'POST', body: 'sent' });
  expect(response.cache.outcome).toBe('bypass-method');
  expect(await response.text()).toBe('sent');
  expect(await codeOf(client.fetch('http://127.0.0.1:1/', { method: 'PUT', body: '' }))).toBe(
    'upstream-unreachable',
  );
});

test('redirects are followed, kept or refused as fetch does', async () => {
  const seen: (string | undefined)[] = [];
  const client = await clientOf(({ url, headers, reply }) => {
    seen.push(headers.find(([name]) => name === 'x-any')?.[1]);
    const [head, body] = wholeResponse(
      'there',
      {},
      url.endsWith('/from') ? [['Location', 'http://other.example/to']] : [],
    );
    if (head?.case === 'head' && url.endsWith('/from')) head.value.response!.status = 302;
    reply(head!, body!);
  });
  const from = 'http://api.example/from';
  const response = await client.fetch(from, { headers: { 'x-any': '1' } });
  expect(response).toMatchObject({ status: 200, url: 'http://other.example/to', redirected: true });
  expect(await response.text()).toBe('there');
  expect(seen).toEqual(['1', '1']);
  expect(await client.fetch(from, { redirect: 'manual' })).toMatchObject({ status: 302, redirected: false });
  await expect(client.fetch(from, { redirect: 'error' })).rejects.toThrow(TypeError);
});

test('a large body streams; its cancel and its abort end the call', async () => {
  const server = await serve({
    lookup: ({ reply }) => reply(...ticketResponse('v1')),
    async *fetch() {
      for (;;) yield { case: 'raw', value: { data: Buffer.alloc(100_000) } };
    },
  });
  const client = connect(server.address);
  endWithTest(() => client.close());
  const first = await client.fetch('http://api.example/large');
  const reader = first.body!.getReader();
  expect((await reader.read()).value).toHaveLength(100_000);
  await reader.cancel();
  await expect.poll(() => server.cancelledStreams).toBe(1);
  const controller = new AbortController();
  const second = await client.fetch('http://api.example/large', { signal: controller.signal });
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 20);
  await expect(second.arrayBuffer()).rejects.toBe(reason);
  await expect.poll(() => server.cancelledStreams).toBe(2);
});

test('failures are typed: an aborted signal, a failing upstream, no server, a bad URL', async () => {
  const client = await clientOf(({ reply }) => {
    reply({
      case: 'error',
      value: { code: ErrorCode.UPSTREAM_UNREACHABLE, message: 'no such host', httpStatus: 502 },
    });
  });
  const reason = new Error('too late');
  await expect(client.fetch('http://api.example/', { signal: AbortSignal.abort(reason) })).rejects.toBe(
    reason,
  );
  await expect(client.fetch('http://api.example/')).rejects.toMatchObject({
    code: 'upstream-unreachable',
    httpStatus: 502,
  });
  await expect(client.fetch('ftp://api.example/')).rejects.toBeInstanceOf(TypeError);
  const lonely = connect('127.0.0.1:1');
  endWithTest(() => lonely.close());
  await expect(lonely.fetch('http://api.example/')).rejects.toBeInstanceOf(PannierError);
  expect(await codeOf(lonely.fetch('http://api.example/'))).toBe('unavailable');
});
