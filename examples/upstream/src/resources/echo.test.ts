import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sendJson } from '../http-client.fixture.ts';
import { startUpstream, type Upstream } from '../start-upstream.ts';

let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream.close());

test('the echo shows method, target, headers in order and body', async () => {
  const shown = await sendJson<Record<string, unknown>>(`${upstream.url}/echo?a=1`, {
    method: 'PUT',
    headers: { 'X-Two': '2', 'X-One': '1' },
    body: 'grüße',
  });
  expect(shown).toMatchObject({
    method: 'PUT',
    url: '/echo?a=1',
    body: 'grüße',
    bodyEncoding: 'utf8',
    bodyBytes: 7,
  });
  const names = (shown['headers'] as [string, string][]).map(([name]) => name);
  expect(names.indexOf('X-Two')).toBeLessThan(names.indexOf('X-One'));
});

test('the echo shows bytes as base64 and of large uploads only length and digest', async () => {
  const bytes = await sendJson(`${upstream.url}/echo`, { method: 'POST', body: Buffer.from([0xff, 0x00]) });
  expect(bytes).toMatchObject({ body: '/wA=', bodyEncoding: 'base64' });
  const upload = Buffer.alloc(3_000_000, 'x');
  const large = await sendJson(`${upstream.url}/echo`, {
    method: 'POST',
    body: upload,
  });
  expect(large).toMatchObject({
    body: null,
    bodyBytes: 3_000_000,
    bodySha256: createHash('sha256').update(upload).digest('hex'),
  });
});
