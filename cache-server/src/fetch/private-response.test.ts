/** What servers make of a response that turns out to be for one caller. */
import type { ServerResponse } from 'node:http';
import { expect, test, vi } from 'vitest';
import { startTestCluster } from './cluster.fixture.ts';
import { readBody } from '../get-entry.fixture.ts';

const WAIT_MS = 30_000;
const PRIVATE = { 'cache-control': 'private' };

test('a response for one caller has the callers of all servers ask for themselves, in parallel, for 30 s', async () => {
  const sent: ServerResponse[] = [];
  const answer = (_request: unknown, response: ServerResponse): void => void sent.push(response);
  const aheadMs = [0, 0, 0];
  const cluster = await startTestCluster({ answer, aheadMs });
  const asking = Array.from({ length: 9 }, async (_none, client) => await cluster.ask(client % 3, '/mine'));
  await cluster.followed([0, 1, 2], 2);
  await vi.waitFor(() => expect(sent).toHaveLength(1), WAIT_MS);
  sent[0]?.writeHead(200, PRIVATE).end('mine');
  const answers = await Promise.all(asking);
  expect(answers.filter(({ outcome }) => outcome === 'bypass-uncacheable')).toHaveLength(8);
  const mine = answers.filter((one) => one.kind === 'response');
  expect(await Promise.all(mine.map(async ({ body }) => String(await readBody(body))))).toEqual(['mine']);
  // Nothing is under way that whoever asks now could be told by.
  await cluster.landed();
  expect(cluster.leases.held()).toEqual([]);
  cluster.answer((_request, response) => response.writeHead(200, PRIVATE).end('anew'));
  for (const server of [0, 1, 2])
    expect((await cluster.ask(server, '/mine')).outcome).toBe('bypass-uncacheable');
  expect(cluster.asked()).toBe(1);
  aheadMs.fill(30_000);
  for (const server of [0, 1, 2])
    expect((await cluster.ask(server, '/mine')).outcome).not.toBe('bypass-uncacheable');
  expect(cluster.asked()).toBe(4);
});
