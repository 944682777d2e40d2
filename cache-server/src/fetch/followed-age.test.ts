import { expect, it } from 'vitest';
import { startTestCluster } from './cluster.fixture.ts';
import type { TestClusterOptions } from './cluster.fixture.ts';
import { heldAnswers, until } from './held-answers.fixture.ts';
import { readBody } from '../get-entry.fixture.ts';

const pause = async (ms: number): Promise<void> => await new Promise((resolve) => setTimeout(resolve, ms));

/** What server 1 knows of invalidations was confirmed so long ago, and cannot be confirmed now. */
function unconfirmed(confirmedMsAgo: () => number): NonNullable<TestClusterOptions['generationsOf']> {
  return (server, generations) =>
    new Proxy(generations, {
      get(target, name) {
        if (server === 1 && name === 'confirmedMsAgo') return confirmedMsAgo();
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
}

/**
 * A server was stopped for longer than a second, and cannot know yet what was purged meanwhile. Then it reads the head that a leader told long ago,
 * whose clock is ahead. Whoever asks it now must not simply wait with those who asked before it was stopped.
 */
it('what is followed is as old as when it began to be, whatever the clock of its leader says', async () => {
  const { answer, sent } = heldAnswers();
  let confirmedMsAgo = 0;
  const generationsOf = unconfirmed(() => confirmedMsAgo);
  const cluster = await startTestCluster({ answer, servers: 2, aheadMs: [10_000, 0], generationsOf });
  const leading = cluster.get(0, '/a');
  await until(() => sent.length === 1);
  const before = cluster.get(1, '/a');
  await cluster.followed([1], 1);
  await pause(1100);
  confirmedMsAgo = 1100;
  sent[0]!.writeHead(200, { 'cache-control': 'max-age=60' }).write('all of ');
  await before;
  const after = cluster.get(1, '/a');
  await cluster.followed([1], 2);
  sent[0]!.end('it');
  for (const answered of [leading, before, after])
    expect(String(await readBody((await answered).body))).toBe('all of it');
});

it('those who come while nothing is known of invalidations follow together, since what they get is judged when it comes', async () => {
  const { answer, sent } = heldAnswers();
  const cluster = await startTestCluster({ answer, servers: 2, generationsOf: unconfirmed(() => 5000) });
  const leading = cluster.get(0, '/a');
  await until(() => sent.length === 1);
  const following = [cluster.get(1, '/a')];
  await cluster.followed([1], 1);
  following.push(...Array.from({ length: 20 }, async () => await cluster.get(1, '/a')));
  await until(() => cluster.services[1]!.activity().waiters >= 21);
  sent[0]!.writeHead(200, { 'cache-control': 'max-age=60' }).end('all of it');
  for (const answered of [leading, ...following])
    expect(String(await readBody((await answered).body))).toBe('all of it');
  expect([await cluster.role(1, 'follower'), cluster.asked()]).toEqual([1, 1]);
});
