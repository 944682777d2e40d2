import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { scriptedError } from '../../client-sdk/src/transport/scripted-server.fixture.ts';
import { rankServers } from '../../client-sdk/src/transport/server-ranking.ts';
import { curl } from '../fixture/curl.ts';
import { announced, complete, raw, startScriptedStack } from './scripted-stack.ts';
import type { ScriptedStack } from './scripted-stack.ts';

/** A URL for which this server is asked before the others. */
function urlFor({ servers, upstreamUrl }: ScriptedStack, server: number): string {
  const places = servers.map(({ address }) => ({ server: address }));
  for (let id = 0; ; id += 1) {
    const url = `${upstreamUrl}/${id}`;
    if (rankServers(places, url)[0]?.server === servers[server]?.address) return url;
  }
}

it('asks another server when one is killed before the first byte of a body', async () => {
  await using stack = await startScriptedStack([
    {
      lookup: ({ reply }) => reply(...announced('lost')),
      async *fetch(_, server) {
        server.kill();
        yield raw('never');
        await turn();
      },
    },
    {
      lookup: ({ reply }) => reply(...announced('kept')),
      async *fetch({ ticket }) {
        if (ticket?.version === 'lost') throw scriptedError('not-found', 'no such version');
        yield* [raw('whole'), complete(5)];
        await turn();
      },
    },
  ]);
  const { status, body } = await curl(urlFor(stack, 0), stack.proxyUrl);
  expect([status, body.toString()]).toEqual([200, 'whole']);
});

it('asks the upstream when the only server is killed at that moment', async () => {
  await using stack = await startScriptedStack(
    [
      {
        lookup: ({ reply }) => reply(...announced('lost')),
        async *fetch(_, server) {
          server.kill();
          yield raw('never');
          await turn();
        },
      },
    ],
    (_, response) => response.end('direct'),
  );
  const { status, body } = await curl(`${stack.upstreamUrl}/a`, stack.proxyUrl);
  expect([status, body.toString()]).toEqual([200, 'direct']);
});

it('asks anew so many times alone', async () => {
  let lookups = 0;
  await using stack = await startScriptedStack(
    [
      {
        lookup: ({ reply }) => reply(...announced(`v${(lookups += 1)}`)),
        async *fetch() {
          yield* await Promise.reject<never[]>(scriptedError('not-found', 'no such version'));
        },
      },
    ],
    (_, response) => response.end('direct'),
  );
  const { body } = await curl(`${stack.upstreamUrl}/a`, stack.proxyUrl);
  expect(body.toString()).toBe('direct');
  expect(lookups).toBe(3);
});
