import { expect, test } from 'vitest';
import { BackOff } from './back-off.ts';
import { rankServers } from './server-ranking.ts';
import { StallFreeClock } from './stall-free-clock.ts';

const servers = Array.from({ length: 5 }, (_, i) => ({ server: `10.0.0.${i}:7070` }));
const urls = Array.from({ length: 5000 }, (_, i) => `http://api.example/items/${i}`);

test('requests spread evenly over the servers', () => {
  const counts = new Map<string, number>();
  for (const url of urls) {
    const { server } = rankServers(servers, url)[0]!;
    counts.set(server, (counts.get(server) ?? 0) + 1);
  }
  for (const { server } of servers) expect(counts.get(server)).toBeGreaterThan(urls.length / 5 / 1.3);
});

test('the order depends on the servers alone, not on how they are listed', () => {
  for (const url of urls.slice(0, 100)) {
    expect(rankServers(servers.toReversed(), url)).toEqual(rankServers(servers, url));
  }
});

test('when a server goes, only its own requests move', () => {
  const left = servers.slice(1);
  for (const url of urls) {
    const before = rankServers(servers, url)[0]!.server;
    if (before !== servers[0]!.server) expect(rankServers(left, url)[0]!.server).toBe(before);
  }
});

test('a failing server is left alone for ever longer, up to a bound, until it works', () => {
  const backOff = new BackOff(() => 0.5);
  expect(Array.from({ length: 7 }, () => backOff.next())).toEqual([100, 200, 400, 800, 1600, 3000, 3000]);
  backOff.reset();
  expect(backOff.next()).toBe(100);
});

test('time in which this process does not run is not held against anybody', () => {
  const clock = new StallFreeClock(20);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  clock.tick();
  expect(clock.nowMs).toBeLessThanOrEqual(40);
  expect(clock.nowMs).toBeGreaterThan(0);
});
