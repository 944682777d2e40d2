import { expect, test } from 'vitest';
import { startEntries } from '../get-entry.fixture.ts';

const FRESH = { 'cache-control': 'max-age=100', etag: '"one"' };

function entriesOf(refreshAhead: object): ReturnType<typeof startEntries> {
  return startEntries({
    upstream: { refreshAhead },
    answer: ({ headers }, response) => {
      if (headers['if-none-match'] === undefined) response.writeHead(200, FRESH).end('body');
      else response.writeHead(304, FRESH).end();
    },
  });
}

test('what is asked for often is confirmed behind the answer before it is stale, once', async () => {
  const { get, clock, upstream, landed } = await entriesOf({ share: 0.1, hitsMin: 3 });
  await get('/a');
  await landed();
  clock.pass(89_000);
  for (let hit = 0; hit < 5; hit += 1) expect((await get('/a')).outcome).toBe('hit');
  await landed();
  expect(upstream.requests.length).toBe(1);
  clock.pass(2000);
  const answers = await Promise.all([get('/a'), get('/a'), get('/a')]);
  expect(answers.map(({ outcome }) => outcome)).toEqual(['hit', 'hit', 'hit']);
  await upstream.arrived(2);
  await landed();
  expect(upstream.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"one"']);
  clock.pass(50_000);
  expect((await get('/a')).outcome).toBe('hit');
  expect(upstream.requests.length).toBe(2);
});

test('what is asked for seldom becomes stale, and so does everything without a share', async () => {
  for (const refreshAhead of [{ share: 0.1, hitsMin: 3 }, {}]) {
    const { get, clock, upstream, landed } = await entriesOf(refreshAhead);
    await get('/a');
    await landed();
    clock.pass(95_000);
    for (let hit = 0; hit < 2; hit += 1) expect((await get('/a')).outcome).toBe('hit');
    await landed();
    expect(upstream.requests.length).toBe(1);
  }
});

test('while the upstream fails, what is hot is answered as long as it is fresh', async () => {
  const { get, clock, upstream, landed } = await entriesOf({ share: 0.5, hitsMin: 1 });
  await get('/a');
  await landed();
  upstream.answer = (_, response) => response.writeHead(503).end();
  clock.pass(60_000);
  for (let hit = 0; hit < 3; hit += 1) expect((await get('/a')).outcome).toBe('hit');
  await upstream.arrived(2);
  await landed();
  expect((await get('/a')).outcome).toBe('hit');
  expect(upstream.requests.length).toBe(2);
});
