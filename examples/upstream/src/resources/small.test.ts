import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from '../http-client.fixture.ts';
import { startUpstream, type Upstream } from '../start-upstream.ts';

let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream.close());

test('every id has a document of 1,024 bytes and a tag of its own', async () => {
  const ids = ['', '1', '2', 'a b', '"quoted"', 'ž'.repeat(255), '\u0001'.repeat(85)];
  const answers = await Promise.all(
    ids.map((id) => send(`${upstream.url}/small?id=${encodeURIComponent(id)}&maxAge=9`)),
  );
  expect(answers.map(({ body }) => body.length)).toEqual(ids.map(() => 1024));
  expect(answers.map(({ body }) => (JSON.parse(body.toString()) as { id: string }).id)).toEqual(ids);
  expect(new Set(answers.map(({ headers }) => headers.etag)).size).toBe(ids.length);
  expect(answers[0]!.headers['cache-control']).toBe('public, max-age=9');
});

test('an id that does not fit is refused', async () => {
  const { status, body } = await send(`${upstream.url}/small?id=${'x'.repeat(511)}`);
  expect([status, body.toString()]).toEqual([400, expect.stringContaining('id: ')]);
});
