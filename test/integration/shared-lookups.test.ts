import { once } from 'node:events';
import { Agent } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { scriptedError } from '../../client-sdk/src/transport/scripted-server.fixture.ts';
import { curl, curlHead } from '../fixture/curl.ts';
import { eventually } from '../fixture/eventually.ts';
import { announced, complete, raw, startScriptedStack } from './scripted-stack.ts';

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

it('asks once and reads one body for 500 clients', async () => {
  const counts = { lookups: 0, fetches: 0 };
  const all = Promise.withResolvers<void>();
  await using stack = await startScriptedStack([
    {
      lookup: ({ reply }) => reply(...announced(`v${(counts.lookups += 1)}`)),
      async *fetch() {
        counts.fetches += 1;
        yield raw('first, ');
        await all.promise;
        yield raw('last');
        yield complete(11);
      },
    },
  ]);
  const agent = new Agent({ maxSockets: 500 });
  const asking = Array.from({ length: 500 }, async () => {
    return await curlHead(`${stack.upstreamUrl}/a`, stack.proxyUrl, { agent });
  });
  const answers = await Promise.all(asking);
  all.resolve();
  expect(new Set(await Promise.all(answers.map(textOf)))).toEqual(new Set(['first, last']));
  agent.destroy();
  expect(counts).toEqual({ lookups: 1, fetches: 1 });
  const collapsed = answers.filter(({ headers }) => /; collapsed/.test(String(headers['cache-status'])));
  expect(collapsed).toHaveLength(499);
});

it('lets each ask by itself what is not for all', async () => {
  let lookups = 0;
  await using stack = await startScriptedStack([
    {
      lookup: ({ reply }) => reply(...announced(`v${(lookups += 1)}`, { freshForMs: 0 })),
      async *fetch({ ticket }) {
        yield* [raw(ticket?.version ?? ''), complete(ticket?.version.length ?? 0)];
        await turn();
      },
    },
  ]);
  const asking = Array.from({ length: 20 }, async () => await curl(`${stack.upstreamUrl}/a`, stack.proxyUrl));
  const bodies = (await Promise.all(asking)).map(({ body }) => body.toString());
  expect(new Set(bodies).size).toBe(20);
  expect(lookups).toBe(20);
});

it('asks for itself where a request says more than its URL does', async () => {
  const asked: string[] = [];
  const held: (() => void)[] = [];
  await using stack = await startScriptedStack([
    {
      lookup: ({ headers, reply }) => {
        const told = headers.filter(([name]) => name.startsWith('x-') || /cache|none|range/i.test(name));
        asked.push(told.join(';'));
        held.push(() => reply(...announced('v1')));
      },
      async *fetch() {
        yield* [raw('body'), complete(4)];
        await turn();
      },
    },
  ]);
  const each: Record<string, string>[] = [
    {},
    {},
    { 'if-none-match': '"a"' },
    { 'if-none-match': '"b"' },
    { 'cache-control': 'max-age=5' },
    { range: 'bytes=0-1' },
    {},
  ];
  const asking = each.map(
    async (headers) => await curl(`${stack.upstreamUrl}/a`, stack.proxyUrl, { headers }),
  );
  await eventually(() => expect(asked).toHaveLength(5));
  for (const reply of held) reply();
  await Promise.all(asking);
  expect(asked.toSorted()).toEqual([
    '',
    'cache-control,max-age=5',
    'if-none-match,"a"',
    'if-none-match,"b"',
    'range,bytes=0-1',
  ]);
});

it('lets a slow client go on by itself, and no other wait for it', async () => {
  const PART = Buffer.alloc(64 * 1024, 'x');
  const PARTS = 400;
  const offsets: number[] = [];
  const begun = Promise.withResolvers<void>();
  await using stack = await startScriptedStack(
    [
      {
        lookup: ({ reply }) => reply(...announced('v1')),
        async *fetch({ offset }) {
          offsets.push(Number(offset));
          for (let at = Number(offset); at < PARTS * PART.byteLength; at += PART.byteLength) {
            if (at === PART.byteLength) await begun.promise;
            yield raw(PART.subarray(0, Math.min(PART.byteLength, PARTS * PART.byteLength - at)));
          }
          yield complete(PARTS * PART.byteLength);
        },
      },
    ],
    undefined,
    { relayWindowBytes: '256KiB' },
  );
  const url = `${stack.upstreamUrl}/a`;
  const [slow, fast] = await Promise.all([curlHead(url, stack.proxyUrl), curlHead(url, stack.proxyUrl)]);
  slow.pause();
  begun.resolve();
  expect(await textOf(fast)).toHaveLength(PARTS * PART.byteLength);
  expect(offsets).toEqual([0]);
  expect(await textOf(slow)).toHaveLength(PARTS * PART.byteLength);
  expect(offsets).toHaveLength(2);
  expect(offsets[1]).toBeGreaterThan(0);
});

it('goes on when the client leaves that asked first, and ends with the last', async () => {
  const rest = Promise.withResolvers<void>();
  await using stack = await startScriptedStack([
    {
      lookup: ({ reply }) => reply(...announced('v1')),
      async *fetch() {
        yield raw('first, ');
        await rest.promise;
        yield raw('more, ');
        await new Promise(() => undefined);
      },
    },
  ]);
  const url = `${stack.upstreamUrl}/a`;
  const first = await curlHead(url, stack.proxyUrl);
  const other = await curlHead(url, stack.proxyUrl);
  first.on('error', () => undefined).destroy();
  await once(first, 'close');
  rest.resolve();
  let text = '';
  other.on('data', (chunk) => (text += String(chunk))).on('error', () => undefined);
  await eventually(() => expect(text).toBe('first, more, '));
  const [server] = stack.servers;
  expect(server?.cancelledStreams).toBe(0);
  other.destroy();
  await eventually(() => expect(server?.cancelledStreams).toBe(1));
});

it.each([
  ['"strong"', 'whole'],
  [undefined, 'broken'],
])('finishes a body with the tag %s that breaks for all: %s', async (etag, expected) => {
  const all = Promise.withResolvers<void>();
  await using stack = await startScriptedStack(
    [
      {
        lookup: ({ reply }) => reply(...announced('v1', etag === undefined ? {} : { etag })),
        async *fetch() {
          yield raw('first, ');
          await all.promise;
          throw scriptedError('not-found', 'the version is gone');
        },
      },
    ],
    ({ headers }, response) => {
      expect(headers.range).toBe('bytes=7-');
      response.writeHead(206, { etag: '"strong"', 'content-range': 'bytes 7-10/11' }).end('last');
    },
  );
  const asking = [0, 1, 2].map(async () => await curlHead(`${stack.upstreamUrl}/a`, stack.proxyUrl));
  const answers = await Promise.all(asking);
  all.resolve();
  const texts = answers.map(async (answer) => await textOf(answer).catch(() => 'broken'));
  expect(new Set(await Promise.all(texts))).toEqual(
    new Set([expected === 'whole' ? 'first, last' : 'broken']),
  );
});

it('gives nobody who asks after a write what was asked for before it', async () => {
  const replies: ((version: string) => void)[] = [];
  await using stack = await startScriptedStack([
    {
      lookup: ({ reply }) => replies.push((version) => reply(...announced(version))),
      async *fetch({ ticket }) {
        yield* [raw(ticket?.version ?? ''), complete(3)];
        await turn();
      },
    },
  ]);
  const url = `${stack.upstreamUrl}/a`;
  const before = curl(url, stack.proxyUrl);
  await eventually(() => expect(replies).toHaveLength(1));
  await curl(url, stack.proxyUrl, { method: 'PUT' });
  const after = [curl(url, stack.proxyUrl), curl(url, stack.proxyUrl)];
  await eventually(() => expect(replies).toHaveLength(2));
  replies[0]?.('old');
  replies[1]?.('new');
  expect((await before).body.toString()).toBe('old');
  for (const answer of after) expect((await answer).body.toString()).toBe('new');
  expect(replies).toHaveLength(2);
});
