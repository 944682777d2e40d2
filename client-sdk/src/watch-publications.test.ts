import { afterEach, expect, test } from 'vitest';
import { connect } from './connect.ts';
import type { DatasetPublication, PannierClient } from './index.ts';
import { codeOf, endAll, endWithTest, serve } from './transport/scripted-test.fixture.ts';
import { ScriptedLog } from './transport/scripted-watch.fixture.ts';

afterEach(endAll);

/** Collects what is published until the test is over. */
function collect(client: PannierClient): { readonly seen: string[]; readonly ended: Promise<void> } {
  const stop = new AbortController();
  endWithTest(() => {
    stop.abort();
    client.close();
  });
  const seen: string[] = [];
  const keep = ({ dataset, version }: DatasetPublication): number => seen.push(`${dataset} ${version}`);
  const ended = (async () => {
    for await (const publication of client.admin.watch(stop.signal)) keep(publication);
  })();
  ended.catch(() => undefined);
  return { seen, ended };
}

test('publications are told once each and in order, whatever becomes of connections and servers', async () => {
  const log = new ScriptedLog();
  const script = { cache: log.calls };
  const [one, two] = await Promise.all([serve(script), serve(script)]);
  const { seen } = collect(connect([one.address, two.address]));
  await expect.poll(() => log.watchers, { timeout: 10_000 }).toBe(1);
  log.publish('cities', 'v1');
  log.invalidate({ case: 'tag', value: 'x' });
  await expect.poll(() => seen, { timeout: 10_000 }).toEqual(['cities v1']);
  log.cut();
  log.publish('cities', 'v2');
  await expect.poll(() => seen, { timeout: 10_000 }).toEqual(['cities v1', 'cities v2']);
  for (const server of [one, two]) server.kill();
  log.publish('towns', 'v1');
  await serve(script, two.port);
  await expect.poll(() => seen, { timeout: 15_000 }).toEqual(['cities v1', 'cities v2', 'towns v1']);
});

test('that no server answers at first is an error', async () => {
  const { ended } = collect(connect('127.0.0.1:1'));
  expect(await codeOf(ended)).toBe('unavailable');
});
