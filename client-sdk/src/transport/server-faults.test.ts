import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { wholeResponse } from './scripted-server.fixture.ts';
import type { ScriptedLookup } from './scripted-server.fixture.ts';
import { codeOf, connectTo, endAll, get, serve, urlForFirst } from './scripted-test.fixture.ts';
import type { TransportEvent } from './transport.ts';

afterEach(endAll);

const good = ({ url, reply }: ScriptedLookup): void => reply(...wholeResponse(url));

test('a server that dies during a lookup costs nothing when there is another one', async () => {
  const dying = await serve({
    lookup: ({ reply }, server) => {
      reply({ case: 'ack', value: {} });
      server.kill();
    },
  });
  const other = await serve({ lookup: good });
  const transport = connectTo([dying.address, other.address]);
  expect(await transport.lookup(get(urlForFirst(dying, [other])))).toMatchObject({ kind: 'response' });
});

test('while every server is down, lookups fail at once', async () => {
  const server = await serve({ lookup: good });
  const events: TransportEvent[] = [];
  const transport = connectTo([server.address], { onEvent: (event) => events.push(event) });
  await transport.lookup(get('http://api.example/a'));
  server.kill();
  await expect.poll(() => codeOf(transport.lookup(get('http://api.example/a')))).toBe('unavailable');
  await expect.poll(() => transport.state()[0]).toMatchObject({ status: 'down', usable: false, lookups: 0 });
  await expect(transport.lookup(get('http://api.example/b'))).rejects.toThrow(`${server.address} is down`);
  expect(events).toContainEqual(expect.objectContaining({ kind: 'server-down', server: server.address }));
});

test('a server that comes back is used again', async () => {
  const first = await serve({ lookup: good });
  const transport = connectTo([first.address]);
  await transport.lookup(get('http://api.example/a'));
  first.kill();
  await expect.poll(() => codeOf(transport.lookup(get('http://api.example/a')))).toBe('unavailable');
  await serve({ lookup: good }, first.port);
  await expect
    .poll(() => codeOf(transport.lookup(get('http://api.example/a'))), { timeout: 20_000 })
    .toBe('no failure');
});

test('a server that grants no credits is not waited for', async () => {
  const { address } = await serve({ credits: 0 });
  const transport = connectTo([address], { connectTimeoutMs: 80 });
  await expect(transport.lookup(get('http://api.example/a'))).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('no connection within 80 ms') as string,
  });
});

test('who waits longer than a second for an acknowledgement waits as long for the connection', async () => {
  const server = await serve({ credits: 0, lookup: good });
  const transport = connectTo([server.address], { ackTimeoutMs: 60_000 });
  const answer = transport.lookup(get('http://api.example/a'));
  answer.catch(() => undefined);
  // Longer than a connection may take by default.
  await delay(1_500);
  server.announce({ case: 'credit', value: { lookups: 1 } });
  expect(await answer).toMatchObject({ kind: 'response' });
});

test('a draining server finishes what it has and gets nothing new', async () => {
  const waiting = Promise.withResolvers<ScriptedLookup>();
  const draining = await serve({
    lookup: (lookup) => {
      lookup.reply({ case: 'ack', value: {} });
      waiting.resolve(lookup);
    },
  });
  const other = await serve({ lookup: good });
  const transport = connectTo([draining.address, other.address]);
  const url = urlForFirst(draining, [other]);
  const early = transport.lookup(get(url));
  const { reply } = await waiting.promise;
  draining.announce({ case: 'draining', value: { graceMs: 1000 } });
  await expect
    .poll(() => transport.state().find(({ server }) => server === draining.address)?.status)
    .toBe('draining');
  const late = await transport.lookup(get(url));
  expect(late).toMatchObject({ body: { bytes: new Uint8Array(Buffer.from(url)) } });
  reply(...wholeResponse('early'));
  expect(await early).toMatchObject({ body: { bytes: new Uint8Array(Buffer.from('early')) } });
});

test('every address behind a dns:/// name gets a stream of its own, and new addresses are found when one fails', async () => {
  const first = await serve({ lookup: good });
  let addresses = ['127.0.0.1'];
  const transport = connectTo([`dns:///cache.example:${first.port}`], {}, () => Promise.resolve(addresses));
  await transport.lookup(get('http://api.example/a'));
  expect(transport.state().map(({ server }) => server)).toEqual([`127.0.0.1:${first.port}`]);
  addresses = ['127.0.0.1', '127.0.0.2', '::1'];
  first.kill();
  await expect.poll(() => codeOf(transport.lookup(get('http://api.example/a')))).toBe('unavailable');
  await expect
    .poll(() => transport.state().map(({ server }) => server), { timeout: 10_000 })
    .toEqual([`127.0.0.1:${first.port}`, `127.0.0.2:${first.port}`, `[::1]:${first.port}`]);
});

test('a name that does not resolve fails promptly and says so', async () => {
  const transport = connectTo(['dns:///nowhere.example:7070'], {}, () =>
    Promise.reject(new Error('ENOTFOUND')),
  );
  await expect(transport.lookup(get('http://api.example/a'))).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('does not resolve') as string,
  });
});

test('a closed transport refuses every call', async () => {
  const { address } = await serve({ lookup: good });
  const transport = connectTo([address]);
  await transport.lookup(get('http://api.example/a'));
  transport.close();
  transport.close();
  expect(await codeOf(transport.lookup(get('http://api.example/a')))).toBe('closed');
});

test.each(['localhost', 'localhost:0', 'localhost:70700', 'http://localhost:1', 'dns:///:1'])(
  'the address %s is refused when the transport is made',
  (server) => {
    expect(() => connectTo([server])).toThrow(/neither host:port nor dns/);
  },
);

test('a frame that the contract does not know is reported and costs the lookup nothing', async () => {
  const events: TransportEvent[] = [];
  const { address } = await serve({
    lookup: ({ reply }) => reply({ case: 'credit', value: { lookups: 1 } }, ...wholeResponse('still here')),
  });
  const transport = connectTo([address], { onEvent: (event) => events.push(event) });
  expect(await transport.lookup(get('http://api.example/a'))).toMatchObject({ kind: 'response' });
  expect(events).toContainEqual(expect.objectContaining({ kind: 'protocol-error' }));
});

test('a body before its head fails that lookup alone', async () => {
  const { address } = await serve({
    lookup: ({ url, reply }) => {
      if (url.endsWith('bad')) reply({ case: 'body', value: {} });
      else reply(...wholeResponse('ok'));
    },
  });
  const transport = connectTo([address]);
  expect(await codeOf(transport.lookup(get('http://api.example/bad')))).toBe('protocol');
  expect(await codeOf(transport.lookup(get('http://api.example/good')))).toBe('no failure');
});
