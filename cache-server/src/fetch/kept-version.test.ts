import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { readBody, startEntries } from '../get-entry.fixture.ts';

test.each([
  ['small', 100],
  ['large', 2_000_000],
])('a %s body that comes once more as it was keeps its version, and is fresh again', async (_, bytes) => {
  let content = randomBytes(bytes);
  const type = { 'cache-control': 'max-age=10', 'content-type': 'text/plain' };
  const { get, clock, upstream, landed } = await startEntries({
    answer: (_request, response) => response.writeHead(200, type).end(content),
  });
  const fetched = async (): Promise<{ version: string; outcome: string; body: Buffer }> => {
    const { body, outcome } = await get('/a');
    const whole = await readBody(body);
    await landed();
    return { version: body.version, outcome, body: whole };
  };
  await fetched();
  const first = await fetched();
  expect(first.outcome).toBe('hit');
  clock.pass(11_000);
  expect((await fetched()).outcome).toBe('refreshed');
  const again = await fetched();
  expect(again).toEqual(first);
  content = randomBytes(bytes);
  clock.pass(11_000);
  await fetched();
  const changed = await fetched();
  expect(changed.outcome).toBe('hit');
  expect(changed.body.equals(content)).toBe(true);
  expect(changed.version > first.version).toBe(true);
  type['content-type'] = 'text/html';
  clock.pass(11_000);
  await fetched();
  expect((await fetched()).version > changed.version).toBe(true);
  expect(upstream.requests.length).toBe(4);
});

test('whoever reads it while it arrives finds the rest of it under the name of its flight', async () => {
  const content = randomBytes(2_000_000);
  const { get, clock, service, landed } = await startEntries({
    answer: (_request, response) => response.writeHead(200, { 'cache-control': 'max-age=10' }).end(content),
  });
  await readBody((await get('/a')).body);
  await landed();
  clock.pass(11_000);
  const { key, body } = await get('/a');
  await readBody(body);
  await landed();
  const rest = await service.openVersion(key!.text, body.version, new AbortController().signal);
  expect((await readBody(rest!, 1_000_000)).equals(content.subarray(1_000_000))).toBe(true);
});
