import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { InvalidateResponseSchema, InvalidationMode } from '@pannier/proto';
import type { InvalidateRequest } from '@pannier/proto';
import { afterEach, expect, test } from 'vitest';
import { connect } from './connect.ts';
import type { ClientOptions } from './client-options.ts';
import type { PannierClient } from './connect.ts';
import { wholeResponse } from './transport/scripted-server.fixture.ts';
import type { ServerScript } from './transport/scripted-server.fixture.ts';
import { codeOf, endAll, endWithTest, serve } from './transport/scripted-test.fixture.ts';
import { ScriptedLog } from './transport/scripted-watch.fixture.ts';

afterEach(endAll);

/** Keeps what it is asked to invalidate; every entry stays fresh. */
function keeper(asked: InvalidateRequest[], log = new ScriptedLog(6)): ServerScript {
  return {
    cache: {
      ...log.calls,
      invalidate: ({ request }, reply) => {
        asked.push(request);
        for (const { target } of request.targets) log.invalidate(target);
        const { epoch, sequence } = log.generation;
        reply(null, create(InvalidateResponseSchema, { epoch, sequence }));
      },
    },
    lookup: ({ url, reply }) => {
      const { generation } = log;
      const entry = { key: 'geo:original:x', freshForMs: 60_000n, shareable: true, generation };
      reply(...wholeResponse(url, entry, [['Cache-Tag', 'city']]));
    },
  };
}

function clientTo(servers: readonly string[], options: ClientOptions = {}): PannierClient {
  const client = connect(servers, options);
  endWithTest(() => client.close());
  return client;
}

async function upstreamThatTakesWrites(status = 200): Promise<string> {
  const upstream = createServer((_request, response) => response.writeHead(status).end());
  await new Promise<void>((resolve) => {
    upstream.listen(0, '127.0.0.1', resolve);
  });
  endWithTest(() => upstream.close());
  return `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
}

const outcome = async (client: PannierClient, url: string): Promise<string> =>
  (await client.fetch(url)).cache.outcome;

test('everything that is named goes into one call, which tells its place in the log', async () => {
  const asked: InvalidateRequest[] = [];
  const client = clientTo([(await serve(keeper(asked))).address]);
  const what = { tag: ['a', 'b'], prefix: 'http://x', scope: 's', dataset: 'd', url: 'http://u/', key: 'k' };
  expect(await client.invalidate({ ...what, soft: true })).toEqual({ epoch: 'one', sequence: 13 });
  expect(asked).toMatchObject([
    {
      mode: InvalidationMode.SOFT,
      targets: [
        { target: { case: 'tag', value: 'a' } },
        { target: { case: 'tag', value: 'b' } },
        { target: { case: 'urlPrefix', value: 'http://x' } },
        { target: { case: 'scope', value: 's' } },
        { target: { case: 'dataset', value: 'd' } },
        { target: { case: 'url', value: 'http://u/' } },
        { target: { case: 'key', value: 'k' } },
      ],
    },
  ]);
  for (const nothing of [{ tag: [] }, { url: '/x' }, { url: ['http://u/', 'u'] }])
    expect(await codeOf(client.invalidate(nothing))).toBe('bad-request');
  expect(asked).toHaveLength(1);
  expect(await codeOf(client.warm({ urls: ['http://u/', '/x'] }))).toBe('bad-request');
});

test('whoever invalidates does not get what it has just invalidated out of its own memory', async () => {
  const client = clientTo([(await serve(keeper([]))).address]);
  const url = 'http://geo.example/a';
  for (const what of [{ tag: 'city' }, { scope: 'geo' }, { prefix: 'http://geo' }, { url }]) {
    await outcome(client, url);
    expect(await outcome(client, url)).toBe('near-hit');
    await client.invalidate(what);
    expect(await outcome(client, url)).toBe('hit');
  }
});

test('a write past the cache is told to the servers before its response is given', async () => {
  const asked: InvalidateRequest[] = [];
  const url = await upstreamThatTakesWrites();
  const client = clientTo([(await serve(keeper(asked))).address]);
  await outcome(client, url);
  await client.fetch(url, { method: 'PUT', body: 'x' });
  expect(asked).toMatchObject([{ targets: [{ target: { case: 'url', value: `${url}/` } }] }]);
  expect(await outcome(client, url)).toBe('hit');
});

test('a write that failed outdates nothing', async () => {
  const asked: InvalidateRequest[] = [];
  const url = await upstreamThatTakesWrites(500);
  await clientTo([(await serve(keeper(asked))).address]).fetch(url, { method: 'DELETE' });
  expect(asked).toEqual([]);
});

test('a server that is up and does not answer costs a write no more than a moment, and another one is told', async () => {
  const asked: InvalidateRequest[] = [];
  const silent = await serve({ cache: { invalidate: () => undefined } });
  const client = clientTo([silent.address, (await serve(keeper(asked))).address]);
  const url = await upstreamThatTakesWrites();
  for (let write = 1; write <= 6; write += 1) {
    await client.fetch(url, { method: 'POST' });
    await expect.poll(() => asked.length, { timeout: 5000 }).toBe(write);
  }
});

test('what no server could take is told when one is back, and reported once', async () => {
  const asked: InvalidateRequest[] = [];
  const first = await serve(keeper(asked));
  const events: string[] = [];
  const client = clientTo([first.address], { onEvent: ({ kind }) => events.push(kind) });
  const url = await upstreamThatTakesWrites();
  await outcome(client, url);
  first.kill();
  await client.fetch(url, { method: 'POST' });
  await expect.poll(() => events.includes('write-untold'), { timeout: 10_000 }).toBe(true);
  await serve(keeper(asked), first.port);
  await expect.poll(() => asked.length, { timeout: 20_000 }).toBe(1);
  expect(events.filter((kind) => kind === 'write-untold').length).toBe(1);
});
