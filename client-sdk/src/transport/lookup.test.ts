import { afterEach, expect, test } from 'vitest';
import { ErrorCode } from '@pannier/proto';
import type { LookupResponse } from './lookup-answer.ts';
import { wholeResponse } from './scripted-server.fixture.ts';
import type { ScriptedLookup } from './scripted-server.fixture.ts';
import { codeOf, connectTo, endAll, get, serve, urlForFirst } from './scripted-test.fixture.ts';
import type { TransportEvent } from './transport.ts';

afterEach(endAll);

test('a lookup is answered with head and body, bytes and obs-text as they are', async () => {
  const asked: ScriptedLookup[] = [];
  const { address } = await serve({
    lookup: (lookup) => {
      asked.push(lookup);
      const entry = { key: 'k', version: 'v', freshForMs: 500n, shareable: true, bodyBytes: 2n };
      lookup.reply(...wholeResponse('hi', entry, [['X-Word', 'caf\u00e9']]));
    },
  });
  const transport = connectTo([address], { identity: 'shop' });
  const answer = await transport.lookup(get('http://api.example/a', [['X-Obs', 'na\u00efve']]));
  expect(answer).toMatchObject({
    kind: 'response',
    status: 200,
    headers: [['X-Word', 'caf\u00e9']],
    outcome: 'hit',
    key: 'k',
    version: 'v',
    freshForMs: 500,
    bodyBytes: 2,
    body: { kind: 'whole', bytes: new Uint8Array(Buffer.from('hi')) },
  });
  expect(asked[0]).toMatchObject({ headers: [['X-Obs', 'na\u00efve']], identity: 'shop', deadlineMs: 0 });
});

test('what is not shareable may not be reused', async () => {
  const { address } = await serve({
    lookup: ({ reply }) => reply(...wholeResponse('', { freshForMs: 500n })),
  });
  const answer = (await connectTo([address]).lookup(get('http://api.example/a'))) as LookupResponse;
  expect(answer.freshForMs).toBe(0);
});

test('a bypass and a failure come back as what the server said', async () => {
  const { address } = await serve({
    lookup: ({ url, reply }) => {
      if (url.endsWith('bypass'))
        reply({ case: 'bypass', value: { reason: 'bypass-uncacheable', rememberOriginMs: 7 } });
      else {
        const value = {
          code: ErrorCode.UPSTREAM_TIMEOUT,
          message: 'slow',
          httpStatus: 504,
          proxyError: 'http_response_timeout',
        };
        reply({ case: 'error', value });
      }
    },
  });
  const transport = connectTo([address]);
  expect(await transport.lookup(get('http://api.example/bypass'))).toEqual({
    kind: 'bypass',
    reason: 'bypass-uncacheable',
    rememberOriginMs: 7,
  });
  await expect(transport.lookup(get('http://api.example/error'))).rejects.toMatchObject({
    code: 'upstream-timeout',
    message: 'slow',
    httpStatus: 504,
    proxyError: 'http_response_timeout',
  });
});

test('lookups of one turn share a message', async () => {
  const server = await serve({ lookup: ({ reply }) => reply(...wholeResponse('')) });
  const transport = connectTo([server.address]);
  await Promise.all(Array.from({ length: 50 }, (_, i) => transport.lookup(get(`http://api.example/${i}`))));
  expect(server.exchangeMessages).toBe(1);
});

test('no lookup is sent without a credit', async () => {
  let underWay = 0;
  let mostUnderWay = 0;
  const { address } = await serve({
    credits: 5,
    lookup: (lookup, running) => {
      underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      setImmediate(() => {
        underWay -= 1;
        lookup.reply(...wholeResponse(lookup.url));
        running.announce({ case: 'credit', value: { lookups: 1 } });
      });
    },
  });
  const transport = connectTo([address]);
  const urls = Array.from({ length: 200 }, (_, i) => `http://api.example/${i}`);
  const answers = await Promise.all(urls.map((url) => transport.lookup(get(url))));
  const bodies = answers.map((answer) => {
    if (answer.kind !== 'response' || answer.body.kind !== 'whole') throw new Error('no body');
    return Buffer.from(answer.body.bytes).toString();
  });
  expect(bodies).toEqual(urls);
  expect(mostUnderWay).toBeLessThanOrEqual(5);
});

test('a lookup waits for a credit no longer than its deadline', async () => {
  const { address } = await serve({ credits: 1, lookup: ({ reply }) => reply({ case: 'ack', value: {} }) });
  const transport = connectTo([address], { silenceMs: 60_000 });
  const first = transport.lookup(get('http://api.example/a'), { deadlineMs: 60_000 });
  expect(await codeOf(transport.lookup(get('http://api.example/b'), { deadlineMs: 50 }))).toBe('deadline');
  transport.close();
  expect(await codeOf(first)).toBe('closed');
});

test('more lookups than may wait are refused by name of the limit', async () => {
  const { address } = await serve({ credits: 1, lookup: () => undefined });
  const transport = connectTo([address], { lookupsPerStreamMax: 1, ackTimeoutMs: 60_000 });
  const waiting = ['a', 'b', 'c'].map((name) => codeOf(transport.lookup(get(`http://api.example/${name}`))));
  await expect.poll(() => transport.state()[0]!.status).toBe('up');
  const refused = codeOf(transport.lookup(get('http://api.example/d')));
  expect(await Promise.race([...waiting, refused])).toBe('limit-exceeded');
  transport.close();
  expect((await Promise.all(waiting)).filter((code) => code === 'closed').length).toBeGreaterThan(0);
});

test('an abort rejects with its reason and cancels the lookup at the server', async () => {
  const asked = Promise.withResolvers<ScriptedLookup>();
  const { address } = await serve({
    lookup: (lookup) => {
      lookup.reply({ case: 'ack', value: {} });
      asked.resolve(lookup);
    },
  });
  const controller = new AbortController();
  const answer = connectTo([address]).lookup(get('http://api.example/a'), { signal: controller.signal });
  const { cancelled } = await asked.promise;
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(answer).rejects.toBe(reason);
  await expect.poll(() => cancelled.aborted).toBe(true);
});

test.each([
  ['after it has answered', 1, '60 ms'],
  ['from the beginning', 0, '200 ms'],
])('a server that is silent %s is marked down and the next one answers', async (_when, answers, within) => {
  const events: TransportEvent[] = [];
  let asked = 0;
  const silent = await serve({
    lookup: ({ reply }) => {
      asked += 1;
      if (asked <= answers) reply(...wholeResponse('good'));
    },
  });
  const good = await serve({ lookup: ({ reply }) => reply(...wholeResponse('good')) });
  const transport = connectTo([silent.address, good.address], {
    ackTimeoutMs: 60,
    // The first answers of a connection may take as long: a server that has just started loads what it needs.
    connectTimeoutMs: 200,
    onEvent: (event) => events.push(event),
  });
  const url = urlForFirst(silent, [good]);
  for (let times = 0; times < answers; times += 1) await transport.lookup(get(url));
  expect(await transport.lookup(get(url))).toMatchObject({ kind: 'response' });
  expect(events).toContainEqual(
    expect.objectContaining({
      kind: 'server-down',
      server: silent.address,
      reason: expect.stringContaining(within) as string,
    }),
  );
  expect(events).toContainEqual(expect.objectContaining({ kind: 'lookup-moved', server: silent.address }));
});

test('a slow upstream is no reason to give up a server that shows signs of life', async () => {
  const { address } = await serve({
    lookup: ({ reply }) => {
      reply({ case: 'ack', value: {} });
      let beats = 0;
      const timer = setInterval(() => {
        beats += 1;
        reply({ case: 'progress', value: { waitedMs: beats * 40 } });
        if (beats < 20) return;
        clearInterval(timer);
        reply(...wholeResponse('at last'));
      }, 40);
    },
  });
  const transport = connectTo([address], { ackTimeoutMs: 300, silenceMs: 400 });
  expect(await transport.lookup(get('http://api.example/slow'))).toMatchObject({ kind: 'response' });
});

test('a server that only acknowledges is given up after the silence', async () => {
  const { address } = await serve({ lookup: ({ reply }) => reply({ case: 'ack', value: {} }) });
  const transport = connectTo([address], { silenceMs: 120 });
  await expect(transport.lookup(get('http://api.example/a'))).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('no sign of life') as string,
  });
});
