import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { readBody, startEntries } from '../get-entry.fixture.ts';
import type { TestEntries } from '../get-entry.fixture.ts';

const RATES = { match: '/rates/*', path: '/version', pointer: '/data/version' };

/** An upstream without validators, whose version a test changes; what it was asked for, path by path. */
async function upstreamOf(
  endpoint: object,
): Promise<TestEntries & { state: { version: number; broken: boolean }; asked: string[] }> {
  const state = { version: 1, broken: false };
  const asked: string[] = [];
  const answer = ({ url = '' }: IncomingMessage, response: ServerResponse): void => {
    asked.push(url);
    if (url === '/version' && state.broken) response.writeHead(500).end();
    else if (url === '/version')
      response
        .writeHead(200, { 'x-version': state.version })
        .end(JSON.stringify({ data: { version: state.version } }));
    else response.writeHead(200, { 'cache-control': 'max-age=10' }).end(`rates ${state.version}`);
  };
  const entries = await startEntries({ answer, upstream: { versionEndpoints: [endpoint] } });
  return { ...entries, state, asked };
}

async function expired({ get, landed, clock }: TestEntries, path: string): Promise<[string, string]> {
  clock.pass(11_000);
  const { outcome, body } = await get(path);
  const text = String(await readBody(body));
  await landed();
  return [outcome, text];
}

test.each([
  ['a place in its JSON', RATES],
  ['a header', { match: '/rates/*', path: '/version', header: 'x-version' }],
  ['its whole body', { match: '/rates/eur', path: '/version' }],
])('what has not changed by %s is not fetched again', async (_, endpoint) => {
  const upstream = await upstreamOf(endpoint);
  const { state, asked } = upstream;
  expect(await expired(upstream, '/rates/eur')).toEqual(['miss', 'rates 1']);
  // Nothing was told of what is stored yet: this once it is fetched.
  expect(await expired(upstream, '/rates/eur')).toEqual(['refreshed', 'rates 1']);
  expect(await expired(upstream, '/rates/eur')).toEqual(['revalidated', 'rates 1']);
  expect(await expired(upstream, '/rates/eur')).toEqual(['revalidated', 'rates 1']);
  expect((await upstream.get('/rates/eur')).outcome).toBe('hit');
  state.version = 2;
  expect(await expired(upstream, '/rates/eur')).toEqual(['refreshed', 'rates 2']);
  expect(await expired(upstream, '/rates/eur')).toEqual(['revalidated', 'rates 2']);
  const [fetches, checks] = [
    asked.filter((url) => url === '/rates/eur'),
    asked.filter((url) => url === '/version'),
  ];
  expect([fetches.length, checks.length]).toEqual([3, 5]);
});

test('what was asked before an invalidation does not speak for what was outdated by it', async () => {
  const upstream = await upstreamOf(RATES);
  const { state, invalidate, get, landed } = upstream;
  for (let round = 0; round < 2; round += 1)
    for (const path of ['/rates/eur', '/rates/usd']) await expired(upstream, path);
  const { answer } = upstream.upstream;
  const asked = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  upstream.upstream.answer = (_request, response) => {
    asked.resolve();
    upstream.upstream.answer = answer;
    const version = JSON.stringify({ data: { version: state.version } });
    void release.promise.then(() => response.writeHead(200).end(version));
  };
  upstream.clock.pass(11_000);
  const before = get('/rates/eur');
  await asked.promise;
  state.version = 2;
  await invalidate('url', '/rates/usd', 'soft');
  const after = get('/rates/usd');
  setImmediate(release.resolve);
  expect((await before).outcome).toBe('revalidated');
  const { outcome, body } = await after;
  expect([outcome, String(await readBody(body))]).toEqual(['refreshed', 'rates 2']);
  await landed();
});

test('an endpoint that fails, and responses that it does not speak for, are fetched as ever', async () => {
  const upstream = await upstreamOf(RATES);
  for (let round = 0; round < 3; round += 1) await expired(upstream, '/rates/eur');
  upstream.state.broken = true;
  expect(await expired(upstream, '/rates/eur')).toEqual(['refreshed', 'rates 1']);
  const before = upstream.asked.filter((url) => url === '/version').length;
  await expired(upstream, '/other');
  expect(await expired(upstream, '/other')).toEqual(['refreshed', 'rates 1']);
  expect(upstream.asked.filter((url) => url === '/version').length).toBe(before);
});
