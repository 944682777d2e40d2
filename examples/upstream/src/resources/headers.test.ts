import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from '../http-client.fixture.ts';
import { startUpstream, type Upstream } from '../start-upstream.ts';

let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream.close());

test('the answer carries the header fields of the query, repeated ones too', async () => {
  const query = 'Set-Cookie=a%3D1&Set-Cookie=b%3D2&Cache-Control=private&Vary=Accept-Language&latencyMs=1';
  const { status, headers, body } = await send(`${upstream.url}/headers?${query}`, {
    headers: { 'Accept-Language': 'cs' },
  });
  expect(status).toBe(200);
  expect(headers).toMatchObject({
    'set-cookie': ['a=1', 'b=2'],
    'cache-control': 'private',
    vary: 'Accept-Language',
    'content-type': 'application/json',
  });
  expect(headers).not.toHaveProperty('latencyms');
  const { received } = JSON.parse(body.toString()) as { received: [string, string][] };
  expect(received).toContainEqual(['Accept-Language', 'cs']);
});

test('a status goes with the headers, here a redirect', async () => {
  const { status, headers } = await send(`${upstream.url}/headers?status=302&Location=/version`);
  expect([status, headers.location]).toEqual([302, '/version']);
});

test.each([
  'Bad%20Name=1',
  'X-A=%0D%0AX-B:1',
  'Content-Length=5',
  'transfer-encoding=chunked',
  'X-A=%E2%82%AC',
])('%s is refused', async (query) => {
  const { status, body } = await send(`${upstream.url}/headers?${query}`);
  expect([status, body.toString()]).toEqual([400, expect.stringContaining('"error"')]);
});

test('any final status can be had, to any method, and 204 has no body', async () => {
  for (const status of [200, 204, 301, 404, 418, 503, 599]) {
    const answer = await send(`${upstream.url}/status/${status}`, { method: 'POST', body: 'x' });
    expect(answer.status).toBe(status);
  }
  const bodiless = await send(`${upstream.url}/status/204`);
  expect(bodiless.body).toHaveLength(0);
  expect(bodiless.headers).not.toHaveProperty('content-length');
});

test.each(['100', '600', 'teapot', ''])('the status "%s" is refused', async (status) => {
  expect((await send(`${upstream.url}/status/${status}`)).status).toBe(400);
});
