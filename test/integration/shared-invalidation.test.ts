/** What two replicas over one Redis make of an invalidation that one of them took. */
import { expect, test } from 'vitest';
import { eventually } from '../fixture/eventually.ts';
import { startReplicaPair } from './replica-pair.ts';
import type { ReplicaPair } from './replica-pair.ts';

/** What one replica did the other hears within a second; a busy machine may stop any process for longer than that. */
const WAIT_MS = 15_000;

/** Answers with the number of the request, tagged, fresh for ten minutes; confirms whatever it is asked about. */
async function startCounting(cacheControl = 'max-age=600'): Promise<ReplicaPair> {
  let count = 0;
  return await startReplicaPair((request, response) => {
    const headers = { 'cache-control': cacheControl, etag: '"1"', 'surrogate-key': 'cities europe' };
    if (request.headers['if-none-match'] !== undefined) return void response.writeHead(304, headers).end();
    count += 1;
    response.writeHead(200, headers).end(String(count));
  });
}

test.each([
  ['tag', 'europe'],
  ['scope', 'api'],
  ['url', '/a'],
  ['all', ''],
] as const)('a hard one by %s reaches both: no validator is used', async (kind, value) => {
  await using pair = await startCounting();
  const { one, other } = pair;
  expect((await one.get('/a')).text).toBe('1');
  await one.landed();
  expect(await other.get('/a')).toMatchObject({ text: '1', outcome: 'hit' });
  await one.invalidate(kind, value);
  expect(await one.get('/a')).toMatchObject({ text: '2', outcome: 'miss' });
  await one.landed();
  await eventually(async () => expect((await other.get('/a')).text).toBe('2'), WAIT_MS);
  // What was fetched after it is as good as ever, for both.
  expect(await one.get('/a')).toMatchObject({ text: '2', outcome: 'hit' });
  expect(pair.requests.filter(({ headers }) => 'if-none-match' in headers)).toEqual([]);
});

test('a soft one has the upstream asked whether the entry is still good', async () => {
  await using pair = await startCounting();
  const { one, other } = pair;
  await one.get('/a');
  await one.landed();
  await one.invalidate('tag', 'cities', 'soft');
  await eventually(async () => {
    expect(other.generations.position.sequence).toBe(1);
    expect(await other.get('/a')).toMatchObject({ text: '1', outcome: 'revalidated' });
  }, WAIT_MS);
  await other.landed();
  expect(await one.get('/a')).toMatchObject({ text: '1', outcome: 'hit' });
  expect(pair.requests).toHaveLength(2);
});

test('after a soft one the old response stands in where RFC 5861 lets it, after a hard one it does not', async () => {
  await using pair = await startCounting('max-age=600, stale-while-revalidate=600, stale-if-error=600');
  const { one } = pair;
  for (const path of ['/behind', '/error']) await one.get(path);
  await one.landed();
  await one.invalidate('tag', 'cities', 'soft');
  expect(await one.get('/behind')).toMatchObject({ text: '1', outcome: 'stale-while-revalidate' });
  await one.landed();
  expect(await one.get('/behind')).toMatchObject({ text: '1', outcome: 'hit' });
  pair.answer = (_request, response) => void response.writeHead(503).end('down');
  await one.invalidate('tag', 'cities', 'soft');
  const strict: [string, string] = ['cache-control', 'max-age=1000'];
  expect(await one.get('/error', strict)).toMatchObject({ text: '2', outcome: 'stale-if-error' });
  await one.invalidate('tag', 'cities');
  expect(await one.get('/error')).toMatchObject({ text: 'down', status: 503 });
});

test('a log that was lost has every older entry confirmed by the upstream, once', async () => {
  await using pair = await startCounting();
  const { one, other } = pair;
  await one.get('/a');
  await one.landed();
  await one.invalidate('tag', 'something else');
  const { epoch } = one.generations.position;
  await pair.control.flushAll();
  await eventually(() => {
    for (const replica of [one, other]) expect(replica.generations.position.epoch).not.toBe(epoch);
  }, WAIT_MS);
  expect(await one.get('/a')).toMatchObject({ text: '1', outcome: 'revalidated' });
  await one.landed();
  expect(await other.get('/a')).toMatchObject({ text: '1', outcome: 'hit' });
});

test('while the log cannot be reached every answer is confirmed by the upstream, and none is an error', async () => {
  await using pair = await startCounting();
  const { one, other } = pair;
  await one.get('/a');
  await one.landed();
  await pair.control.kill9();
  await eventually(async () => {
    expect(await other.get('/a')).toMatchObject({ text: '1', outcome: 'revalidated' });
  }, WAIT_MS);
  await expect(one.invalidate('tag', 'europe')).rejects.toMatchObject({ code: 'store' });
  // At once where it failed: it may have been heard all the same.
  expect(await one.get('/a')).toMatchObject({ text: '1', outcome: 'revalidated' });
  expect(await one.get('/new')).toMatchObject({ outcome: 'miss' });
  await pair.control.restart();
  await eventually(async () => {
    await one.get('/a');
    expect(await other.get('/a')).toMatchObject({ text: '1', outcome: 'hit' });
  }, WAIT_MS);
});

test('a fetch that began before an invalidation takes nobody in who comes after it, and outdates itself', async () => {
  const ends: (() => void)[] = [];
  await using pair = await startReplicaPair((request, response) => {
    const number = ends.length + 1;
    response.writeHead(200, { 'cache-control': 'max-age=600', 'cache-tag': 'slow', 'content-length': 2 });
    response.write(String(number));
    ends.push(() => response.end(request.url === '/a' ? 'a' : 'b'));
  });
  const { one, other } = pair;
  const before = one.get('/a');
  await eventually(() => expect(ends).toHaveLength(1), WAIT_MS);
  await other.invalidate('tag', 'slow');
  await eventually(() => expect(one.generations.position.sequence).toBe(1), WAIT_MS);
  const after = one.get('/a');
  await eventually(() => expect(ends).toHaveLength(2), WAIT_MS);
  ends[1]?.();
  expect((await after).text).toBe('2a');
  ends[0]?.();
  expect((await before).text).toBe('1a');
  await one.landed();
  for (const replica of [one, other])
    expect(await replica.get('/a')).toMatchObject({ text: '2a', outcome: 'hit' });
});

test('objects of callers go with their tags and their scope', async () => {
  await using pair = await startCounting();
  const { one, other } = pair;
  const caller = { identity: 'team' };
  const put = async (name: string, ...tags: string[]): Promise<string> =>
    await one.objects.put(caller, { name, value: Buffer.from(name), ttlMs: 600_000, tags });
  for (const [name = '', ...tags] of [['a', 'x'], ['b', 'y'], ['c']]) await put(name, ...tags);
  expect(await other.objects.get(caller, 'a')).toBeDefined();
  await one.invalidate('tag', 'x');
  expect(await one.objects.get(caller, 'a')).toBeUndefined();
  await eventually(async () => expect(await other.objects.get(caller, 'a')).toBeUndefined(), WAIT_MS);
  expect(await other.objects.get(caller, 'b')).toBeDefined();
  await one.invalidate('scope', 'team');
  await put('c');
  await eventually(async () => expect(await other.objects.get(caller, 'b')).toBeUndefined(), WAIT_MS);
  expect(await other.objects.get(caller, 'c')).toBeDefined();
});

/** Calls of each command that Redis took since its statistics were reset. */
async function commandCalls({ data, control }: ReplicaPair): Promise<Map<string, number>> {
  const calls = new Map<string, number>();
  for (const redis of [data, control]) {
    const text = String(await redis.command('INFO', 'commandstats'));
    for (const [, name = '', count] of text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm))
      calls.set(name, (calls.get(name) ?? 0) + Number(count));
  }
  return calls;
}

test('a tag over 100,000 entries is invalidated by as many commands as one over none, and no walk', async () => {
  await using pair = await startCounting();
  const { one, other, data } = pair;
  const { body } = await one.get('/0');
  await one.landed();
  body.release();
  // The rest are copies of it: what is measured is that nobody looks at them.
  await data.command(
    'EVAL',
    `local fields = redis.call('HGETALL', KEYS[1])
     for i = 1, 100000 do redis.call('HSET', KEYS[1] .. i, unpack(fields)) end`,
    1,
    String(((await data.command('KEYS', '*manifest*')) as Buffer[])[0]),
  );
  for (const redis of [data, pair.control]) await redis.command('CONFIG', 'RESETSTAT');
  await one.invalidate('tag', 'europe');
  const calls = await commandCalls(pair);
  expect(calls.get('scan') ?? 0).toBe(0);
  expect(calls.get('unlink') ?? 0).toBe(0);
  expect(calls.get('xadd')).toBe(1);
  // Beside the one script there may be a few reads of the log by both, which happen anyway.
  expect([...calls.values()].reduce((sum, count) => sum + count, 0)).toBeLessThan(100);
  expect(await one.get('/0')).toMatchObject({ outcome: 'miss' });
  await one.landed();
  await eventually(async () => expect((await other.get('/0')).text).toBe('2'), WAIT_MS);
});
