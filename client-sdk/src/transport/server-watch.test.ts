import { afterEach, expect, test } from 'vitest';
import type { Generation } from '@pannier/proto/generation';
import { ScriptedLog } from './scripted-watch.fixture.ts';
import { connectTo, endAll, serve } from './scripted-test.fixture.ts';
import type { TransportEvent } from './transport.ts';
import type { WatchListener, WatchNews } from './watch-news.ts';

afterEach(endAll);

/** Keeps what it is told. */
class Listener implements WatchListener {
  position: Generation | undefined;
  readonly news: WatchNews[] = [];
  refusals = 0;

  onNews(news: WatchNews): void {
    this.position = { epoch: news.epoch, sequence: news.sequence };
    if (news.kind !== 'confirmation') this.news.push(news);
  }

  onRefused(): void {
    this.refusals += 1;
  }
}

test('invalidations are told in order, each by its number, target and mode', async () => {
  const log = new ScriptedLog(6);
  const { address } = await serve({ cache: log.calls });
  const listener = new Listener();
  connectTo([address]).onInvalidation(listener);
  await expect.poll(() => listener.position, { timeout: 10_000 }).toEqual({ epoch: 'one', sequence: 6 });
  log.invalidate({ case: 'tag', value: 'cities' });
  log.invalidate({ case: 'urlPrefix', value: 'http://a.example/b' }, 'soft');
  log.invalidate({ case: 'all', value: true });
  await expect
    .poll(() => listener.news, { timeout: 10_000 })
    .toMatchObject([
      { kind: 'invalidation', sequence: 7, target: { kind: 'tag', value: 'cities' }, mode: 'hard' },
      { sequence: 8, target: { kind: 'prefix', value: 'http://a.example/b' }, mode: 'soft' },
      { sequence: 9, target: { kind: 'all', value: '' }, mode: 'hard' },
    ]);
});

test('there is one watch, at one server; when it breaks another one tells what was missed', async () => {
  const log = new ScriptedLog();
  const servers = await Promise.all([serve({ cache: log.calls }), serve({ cache: log.calls })]);
  const listener = new Listener();
  const events: TransportEvent[] = [];
  const transport = connectTo(
    servers.map(({ address }) => address),
    { onEvent: (event) => events.push(event) },
  );
  transport.onInvalidation(listener);
  await expect.poll(() => listener.position?.sequence, { timeout: 10_000 }).toBe(0);
  expect(log.watchers).toBe(1);
  const first = events.find(({ kind }) => kind === 'watch-up')?.server;
  log.silent = true;
  log.invalidate({ case: 'key', value: 'k' });
  log.silent = false;
  servers.find(({ address }) => address === first)?.kill();
  await expect
    .poll(() => listener.news, { timeout: 10_000 })
    .toMatchObject([{ sequence: 1, target: { kind: 'key', value: 'k' } }]);
  expect(log.requests.at(-1)).toEqual(['one', 0]);
  expect(events.findLast(({ kind }) => kind === 'watch-up')?.server).not.toBe(first);
});

test('a server that shows no sign of life is left for another one', async () => {
  const [dead, alive] = [new ScriptedLog(1), new ScriptedLog(1)];
  const servers = await Promise.all([serve({ cache: dead.calls }), serve({ cache: alive.calls })]);
  const listener = new Listener();
  connectTo(servers.map(({ address }) => address)).onInvalidation(listener);
  await expect.poll(() => listener.position?.sequence, { timeout: 10_000 }).toBe(1);
  const [current, other] = dead.watchers === 1 ? [dead, alive] : [alive, dead];
  current.silent = true;
  other.invalidate({ case: 'scope', value: 'geo' });
  await expect.poll(() => listener.news, { timeout: 10_000 }).toMatchObject([{ sequence: 2 }]);
});

test('servers that know no Watch are asked once each, and then left alone', async () => {
  const servers = await Promise.all([serve({}), serve({})]);
  const listener = new Listener();
  const events: TransportEvent[] = [];
  const transport = connectTo(
    servers.map(({ address }) => address),
    { onEvent: (event) => events.push(event) },
  );
  transport.onInvalidation(listener);
  await expect.poll(() => listener.refusals, { timeout: 10_000 }).toBe(1);
  expect(events.filter(({ kind }) => kind === 'watch-down').length).toBe(2);
});

test('while one server can tell, it does not matter that another is too old', async () => {
  const log = new ScriptedLog(3);
  const servers = await Promise.all([serve({}), serve({ cache: log.calls }), serve({})]);
  const listener = new Listener();
  connectTo(servers.map(({ address }) => address)).onInvalidation(listener);
  await expect.poll(() => listener.position?.sequence, { timeout: 10_000 }).toBe(3);
  expect(listener.refusals).toBe(0);
});

test('the end of the transport is the end of its watch', async () => {
  const log = new ScriptedLog();
  const { address } = await serve({ cache: log.calls });
  const transport = connectTo([address]);
  transport.onInvalidation(new Listener());
  await expect.poll(() => log.watchers, { timeout: 10_000 }).toBe(1);
  transport.close();
  await expect.poll(() => log.watchers, { timeout: 10_000 }).toBe(0);
});
