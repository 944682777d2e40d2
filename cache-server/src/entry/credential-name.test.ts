import { expect, test } from 'vitest';
import { createCredentialName } from './credential-name.ts';
import { readBody, startEntries } from '../get-entry.fixture.ts';

test('credentials have one name, whatever their order and case, and other ones have another', () => {
  const name = createCredentialName('a secret of this test');
  const one = name([
    ['Authorization', 'Bearer a'],
    ['X-Api-Key', 'k'],
    ['Accept', '*/*'],
  ]);
  expect(one).toMatch(/^[0-9a-f]{32}$/);
  expect(
    name([
      ['x-api-key', 'k'],
      ['authorization', 'Bearer a'],
    ]),
  ).toBe(one);
  expect(name([['authorization', 'Bearer a']])).not.toBe(one);
  expect(name([['accept', '*/*']])).toBeUndefined();
  expect(createCredentialName('another secret of it')([['x-api-key', 'k']])).not.toBe(
    name([['x-api-key', 'k']]),
  );
});

test('keyed by credentials, an answer is stored for those who show the same ones, also when it is private', async () => {
  const entries = await startEntries({
    upstream: { credentials: 'keyed' },
    answer: (request, response) =>
      response
        .writeHead(200, { 'cache-control': 'private, max-age=60', vary: 'authorization' })
        .end(`for ${request.headers.authorization ?? 'nobody'}`),
  });
  const body = async (credentials: string): Promise<string> =>
    (await readBody((await entries.get('/me', [['Authorization', credentials]])).body)).toString();
  const both = await Promise.all([body('a'), body('b'), body('a')]);
  expect(both).toEqual(['for a', 'for b', 'for a']);
  await entries.landed();
  expect([await body('a'), await body('b')]).toEqual(['for a', 'for b']);
  expect(entries.upstream.requests).toHaveLength(2);
  // Without credentials it is private as ever.
  expect((await readBody((await entries.get('/me')).body)).toString()).toBe('for nobody');
  await entries.landed();
  expect((await entries.ask('/me')).kind).toBe('bypass');
  for (const key of await entries.storedKeys()) expect(key).not.toContain('Bearer');
  await entries.invalidate('url', '/me');
  await Promise.all([body('a'), body('b')]);
  await entries.landed();
  expect(entries.upstream.requests.length).toBeGreaterThan(3);
});
