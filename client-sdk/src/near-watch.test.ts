import type { InvalidationTarget } from '@pannier/proto';
import { afterEach, expect, test } from 'vitest';
import { connect } from './connect.ts';
import type { PannierClient } from './connect.ts';
import { wholeResponse } from './transport/scripted-server.fixture.ts';
import type { ServerScript } from './transport/scripted-server.fixture.ts';
import { endAll, endWithTest, serve } from './transport/scripted-test.fixture.ts';
import { ScriptedLog } from './transport/scripted-watch.fixture.ts';

afterEach(endAll);

const CITIES = 'http://geo.example/cities';

/** A server that judges by the log, and names every entry's URL as it resolved it. */
function scriptOf(log: ScriptedLog): ServerScript {
  return {
    cache: log.calls,
    lookup({ url, reply }) {
      const { generation } = log;
      const stored = { key: 'my%20geo:original:x', shareable: true, freshForMs: 600_000n };
      const tags = [['Surrogate-Key', 'city town']] as const;
      reply(...wholeResponse(`at ${log.sequence}`, { ...stored, generation, url: `${url}/resolved` }, tags));
    },
  };
}

async function clientOf(log: ScriptedLog, nearTrustMs = 60_000): Promise<PannierClient> {
  const servers = await Promise.all([serve(scriptOf(log)), serve(scriptOf(log))]);
  const client = connect(
    servers.map(({ address }) => address),
    { nearTrustMs },
  );
  endWithTest(() => client.close());
  return client;
}

const outcomeOf = async (client: PannierClient): Promise<string> =>
  (await client.fetch(CITIES)).cache.outcome;

const named: InvalidationTarget['target'][] = [
  { case: 'tag', value: 'town' },
  { case: 'scope', value: 'my geo' },
  { case: 'url', value: `${CITIES}/resolved` },
  { case: 'urlPrefix', value: 'http://geo.example/ci' },
  { case: 'key', value: 'my%20geo:original:x' },
  { case: 'all', value: true },
  // Something that only a newer server knows may be anything.
  { case: undefined },
];

test.each(named)('an entry is used until an invalidation names it: $case', async (target) => {
  const log = new ScriptedLog();
  const client = await clientOf(log);
  expect(await outcomeOf(client)).toBe('hit');
  expect(await outcomeOf(client)).toBe('near-hit');
  await expect.poll(() => log.watchers, { timeout: 10_000 }).toBe(1);
  log.invalidate({ case: 'tag', value: 'other' });
  log.invalidate(target);
  await expect.poll(() => outcomeOf(client), { timeout: 10_000 }).toBe('hit');
  expect(await outcomeOf(client)).toBe('near-hit');
});

test('while nothing is heard entries are asked for, and used again once the watch is confirmed', async () => {
  const log = new ScriptedLog();
  const client = await clientOf(log, 300);
  await outcomeOf(client);
  // Much later than the answer could vouch for itself.
  const until = performance.now() + 500;
  await expect
    .poll(() => performance.now() > until && outcomeOf(client), { timeout: 10_000 })
    .toBe('near-hit');
  log.silent = true;
  await expect.poll(() => outcomeOf(client), { interval: 301, timeout: 10_000 }).toBe('hit');
  log.silent = false;
  const again = performance.now() + 500;
  await expect
    .poll(() => performance.now() > again && outcomeOf(client), { timeout: 10_000, interval: 100 })
    .toBe('near-hit');
});

test('what was invalidated while the watch was cut is made good for when it is back', async () => {
  const log = new ScriptedLog();
  const client = await clientOf(log);
  await outcomeOf(client);
  await expect.poll(() => log.watchers, { timeout: 10_000 }).toBe(1);
  log.silent = true;
  log.invalidate({ case: 'tag', value: 'city' });
  log.cut();
  expect(await outcomeOf(client)).toBe('near-hit');
  log.silent = false;
  await expect.poll(() => outcomeOf(client), { timeout: 10_000 }).toBe('hit');
  expect(log.requests.at(-1)).toEqual(['one', 0]);
});

test.each(['too old', 'another epoch'])(
  'a log that cannot tell what was missed outdates everything: %s',
  async (why) => {
    const log = new ScriptedLog(7);
    const client = await clientOf(log);
    await outcomeOf(client);
    await expect.poll(() => log.watchers, { timeout: 10_000 }).toBe(1);
    log.silent = true;
    if (why === 'too old') {
      log.invalidate({ case: 'tag', value: 'other' });
      log.firstKept = 9;
    } else log.epoch = 'two';
    log.silent = false;
    log.cut();
    await expect.poll(() => outcomeOf(client), { timeout: 10_000 }).toBe('hit');
    expect(await outcomeOf(client)).toBe('near-hit');
  },
);

test('an answer that was judged before an invalidation is not kept, however late it comes', async () => {
  const log = new ScriptedLog();
  const [asked, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { address } = await serve({
    cache: log.calls,
    lookup({ url, reply }) {
      const { generation } = log;
      const entry = { key: 'geo:original:x', shareable: true, freshForMs: 600_000n, generation };
      const answer = (): void => reply(...wholeResponse('', entry, [['Cache-Tag', 'city, town']]));
      if (url.endsWith('late') && log.sequence === 0) {
        asked.resolve();
        void held.promise.then(answer);
      } else answer();
    },
  });
  const client = connect(address, { nearTrustMs: 60_000 });
  endWithTest(() => client.close());
  await outcomeOf(client);
  await expect.poll(() => log.watchers, { timeout: 10_000 }).toBe(1);
  const late = client.fetch(`${CITIES}/late`);
  await asked.promise;
  log.invalidate({ case: 'tag', value: 'town' });
  await expect.poll(() => outcomeOf(client), { timeout: 10_000 }).toBe('hit');
  held.resolve();
  await late;
  expect((await client.fetch(`${CITIES}/late`)).cache.outcome).toBe('hit');
  expect((await client.fetch(`${CITIES}/late`)).cache.outcome).toBe('near-hit');
});
