/** What a response says of somebody reaches nobody else, whichever way they came to share it. */
import type { ServerResponse } from 'node:http';
import type { HeaderList } from '@pannier/http-semantics';
import { describe, expect, it } from 'vitest';
import { header, startEntries } from '../get-entry.fixture.ts';

const PUBLIC = { 'cache-control': 'public, max-age=60', etag: '"one"' };
const OWNED = { ...PUBLIC, 'cache-control': 'max-age=60, private="x-user"', 'x-user': 'alice' };
const ALICE = [['authorization', 'Bearer alice']] as const;

describe('fields that are for one caller', () => {
  it('reach the first, and are not stored', async () => {
    const { get, landed } = await startEntries({
      answer: (_, response) => response.writeHead(200, OWNED).end('x'),
    });
    expect(header(await get('/a'), 'x-user')).toBe('alice');
    await landed();
    const hit = await get('/a');
    expect([hit.outcome, header(hit, 'x-user')]).toEqual(['hit', undefined]);
  });

  it('are not taken from a 304 either', async () => {
    const { get, clock, landed } = await startEntries({
      answer: ({ headers }, response) =>
        response.writeHead(headers['if-none-match'] === undefined ? 200 : 304, OWNED).end(),
    });
    await get('/a');
    await landed();
    clock.pass(61_000);
    const answers = await Promise.all([get('/a'), get('/a')]);
    expect(answers.map((answer) => [answer.outcome, header(answer, 'x-user')])).toEqual([
      ['revalidated', undefined],
      ['revalidated', undefined],
    ]);
    await landed();
    expect(header(await get('/a'), 'x-user')).toBeUndefined();
  });
});

/** Heads that nobody keeps anyway, and that are somebody's all the same. */
const OF_ONE: Readonly<Record<string, readonly [status: number, headers: Record<string, string>]>> = {
  'a redirect that sets a cookie': [302, { location: '/', 'set-cookie': 'id=alice' }],
  'a failure that sets a cookie': [503, { 'cache-control': 'no-store', 'set-cookie': 'id=alice' }],
  'a failure that varies by the cookie': [503, { 'cache-control': 'no-store', vary: 'cookie' }],
  'a private answer of an unknown status': [599, { 'cache-control': 'private, must-understand' }],
  'a complaint about the head of one request': [431, { 'cache-control': 'max-age=60' }],
};

it.each(Object.keys(OF_ONE))('%s is given to one of those who wait', async (name) => {
  const [status = 0, headers = {}] = OF_ONE[name] ?? [];
  const held = Promise.withResolvers<ServerResponse>();
  const { ask, upstream, service, storedKeys, landed } = await startEntries({
    answer: (_, response) => held.resolve(response),
  });
  const asking = Promise.all([ask('/a'), ask('/a'), ask('/a')]);
  await upstream.arrived(1);
  while (service.activity().waiters < 3) await new Promise((resolve) => setImmediate(resolve));
  (await held.promise).writeHead(status, headers).end('x');
  const kinds = (await asking).map(({ kind }) => kind);
  expect(kinds.toSorted()).toEqual(['bypass', 'bypass', 'response']);
  await landed();
  expect(await storedKeys()).toEqual([]);
});

it('what is for one caller who has left is for nobody', async () => {
  const held = Promise.withResolvers<ServerResponse>();
  const { ask, upstream, service } = await startEntries({
    answer: (_, response) => held.resolve(response),
    upstream: { forwardHeaders: ['*'] },
  });
  const alice = new AbortController();
  const leaving = ask('/a', [['x-name', 'alice']], alice.signal).catch(() => 'left');
  await upstream.arrived(1);
  const bob = ask('/a', [['x-name', 'bob']]);
  while (service.activity().waiters < 2) await new Promise((resolve) => setImmediate(resolve));
  alice.abort();
  expect(await leaving).toBe('left');
  (await held.promise).writeHead(200, { 'cache-control': 'private' }).end('for alice');
  expect(await bob).toMatchObject({ kind: 'bypass', outcome: 'bypass-uncacheable' });
});

describe('where responses to credentials may be shared', () => {
  it('a 304 to them that no longer says so is not taken for everybody', async () => {
    const { get, clock, landed, upstream, storedKeys } = await startEntries({
      answer: (_, response) => response.writeHead(200, PUBLIC).end('x'),
      upstream: { credentials: 'rfc' },
    });
    await get('/a');
    await landed();
    clock.pass(61_000);
    const owned = { 'cache-control': 'max-age=60', etag: '"one"', 'x-user': 'alice' };
    upstream.answer = ({ headers }, response) =>
      response.writeHead(headers['if-none-match'] === undefined ? 200 : 304, owned).end();
    expect(header(await get('/a', ALICE), 'x-user')).toBe('alice');
    await landed();
    expect(await storedKeys()).toEqual([]);
    upstream.answer = (_, response) => response.writeHead(200, PUBLIC).end('x');
    expect(header(await get('/a'), 'x-user')).toBeUndefined();
  });

  it('a HEAD of them that no longer says so is not taken for everybody', async () => {
    const { get, service, clock, landed, upstream, storedKeys } = await startEntries({
      answer: (_, response) => response.writeHead(200, PUBLIC).end('x'),
      upstream: { credentials: 'rfc' },
    });
    await get('/a');
    await landed();
    clock.pass(61_000);
    upstream.answer = (_, response) =>
      response.writeHead(200, { 'cache-control': 'max-age=60', etag: '"one"', 'x-user': 'alice' }).end();
    const request = { method: 'HEAD', url: `${upstream.url}/a`, headers: ALICE };
    await service.getEntry(request, { identity: 'test' }, new AbortController().signal);
    expect(await storedKeys()).toEqual([]);
  });

  it('one that varies by them is for those alone who send the same', async () => {
    const { get, landed, upstream } = await startEntries({
      answer: ({ headers }, response) => {
        const head = { 'cache-control': 'public, max-age=60', vary: 'Authorization' };
        response.writeHead(200, { ...head, 'x-user': headers.authorization ?? 'nobody' }).end('x');
      },
      upstream: { credentials: 'rfc' },
    });
    const user = async (headers: HeaderList): Promise<string | undefined> => {
      const answer = await get('/a', headers);
      await landed();
      return header(answer, 'x-user');
    };
    for (const _time of ['fetched', 'stored']) {
      expect(await user(ALICE)).toBe('Bearer alice');
      expect(await user([['authorization', 'Bearer bob']])).toBe('Bearer bob');
      expect(await user([])).toBe('nobody');
    }
    expect(upstream.requests).toHaveLength(3);
  });
});
