import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from '../http-client.fixture.ts';
import { startUpstream, type Upstream } from '../start-upstream.ts';

let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream.close());

const get = (target: string, headers: Record<string, string> = {}) =>
  send(`${upstream.url}${target}`, { headers });

test.each(['json', 'random'])(
  'a body of type %s has its length, a strong tag, and ranges of the same bytes',
  async (type) => {
    const target = `/generated/1MB?seed=5&type=${type}`;
    const whole = await get(target);
    expect(whole.body).toHaveLength(1_000_000);
    const etag = whole.headers.etag!;
    for (const [from, to] of [
      [0, 0],
      [262_143, 262_144],
      [500_000, 999_999],
    ] as const) {
      const part = await get(target, { Range: `bytes=${from}-${to}`, 'If-Range': etag });
      expect(part.status).toBe(206);
      expect(part.body.equals(whole.body.subarray(from, to + 1))).toBe(true);
    }
    expect((await get(target, { 'If-None-Match': etag })).status).toBe(304);
    const otherSeed = await get(target.replace('seed=5', 'seed=6'));
    expect(otherSeed.headers.etag).not.toBe(etag);
  },
);

test('the end of a body of 1 GiB is there at once', async () => {
  const { headers, body } = await get('/generated/1GiB', { Range: 'bytes=-256' });
  expect(headers['content-range']).toBe(`bytes ${1024 ** 3 - 256}-${1024 ** 3 - 1}/${1024 ** 3}`);
  expect(body.toString()).toMatch(/^[^]*"id": +8388606,[^]*\]$/);
});

test('chunked=1 sends the same bytes without a length', async () => {
  const [chunked, plain] = [await get('/generated/300KB?chunked=1'), await get('/generated/300KB')];
  expect(chunked.headers).toMatchObject({ 'transfer-encoding': 'chunked' });
  expect(chunked.headers['content-length']).toBeUndefined();
  expect(chunked.body.equals(plain.body)).toBe(true);
});

test('a body of no bytes is an answer too', async () => {
  expect(await get('/generated/0')).toMatchObject({ status: 200, body: Buffer.alloc(0) });
});

test.each([
  ['/generated/', 'bytes'],
  ['/generated/many', 'bytes'],
  ['/generated/-1', 'bytes'],
  ['/generated/2TiB', 'bytes'],
  ['/generated/10?seed=x', 'seed'],
  ['/generated/10?type=xml', 'type'],
  ['/generated/10?chunked=perhaps', 'chunked'],
  ['/generated/10?maxAge=-1', 'maxAge'],
])('%s is refused with the name of the field', async (target, field) => {
  const { status, body } = await get(target);
  expect(status).toBe(400);
  expect((JSON.parse(body.toString()) as { error: string }).error).toMatch(new RegExp(`^${field}`));
});
