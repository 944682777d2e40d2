import { create } from '@bufbuild/protobuf';
import {
  DeleteResponseSchema,
  ExplainResponseSchema,
  GetBatchResponseSchema,
  GetResponseSchema,
  GetStatsResponseSchema,
  ListEntriesResponseSchema,
  PutResponseSchema,
} from '@pannier/proto';
import { afterEach, expect, test } from 'vitest';
import { connect } from './connect.ts';
import type { PannierClient } from './connect.ts';
import type { ServerScript } from './transport/scripted-server.fixture.ts';
import { codeOf, endAll, endWithTest, serve } from './transport/scripted-test.fixture.ts';

afterEach(endAll);

/** A server that keeps objects in memory. */
function objectServer(): ServerScript {
  const objects = new Map<
    string,
    { name: string; value: Uint8Array; ttlMs: bigint; tags: string[]; version: string }
  >();
  return {
    cache: {
      get: ({ request }, reply) => {
        const object = objects.get(request.name);
        reply(null, create(GetResponseSchema, object === undefined ? {} : { object }));
      },
      put: ({ request: { name, value, ttlMs, tags } }, reply) => {
        const version = `v${objects.size + 1}`;
        objects.set(name, { name, value: new Uint8Array(value), ttlMs, tags, version });
        reply(null, create(PutResponseSchema, { version }));
      },
      delete: ({ request }, reply) =>
        reply(null, create(DeleteResponseSchema, { existed: objects.delete(request.name) })),
      getBatch: ({ request }, reply) => {
        const found = request.names.map((name) => objects.get(name)).filter((object) => object !== undefined);
        reply(null, create(GetBatchResponseSchema, { objects: found }));
      },
    },
  };
}

async function clientOf(script: ServerScript, port?: number): Promise<PannierClient> {
  const { address } = await serve(script, port);
  const client = connect(address);
  endWithTest(() => client.close());
  return client;
}

test('an object that was put is there until it is deleted', async () => {
  const client = await clientOf(objectServer());
  expect(await client.get('a')).toBeUndefined();
  expect(await client.put('a', Buffer.from('one'), { ttlMs: 60_000, tags: ['x'] })).toBe('v1');
  const value = new Uint8Array(Buffer.from('one'));
  expect(await client.get('a')).toEqual({ name: 'a', value, ttlMs: 60_000, tags: ['x'], version: 'v1' });
  // The caller may keep or change it: it is no view of a message.
  const { value: bytes } = (await client.get('a'))!;
  expect(bytes.buffer.byteLength).toBe(3);
  await client.putJson('b', { deep: [1, null] }, { ttlMs: 1 });
  expect(await client.getJson('b')).toEqual({ deep: [1, null] });
  expect(await client.getJson('c')).toBeUndefined();
  expect([...(await client.getBatch(['b', 'missing', 'a'])).keys()]).toEqual(['b', 'a']);
  expect(await client.delete('a')).toBe(true);
  expect(await client.delete('a')).toBe(false);
});

test('a value that is not JSON, and a time to live that is none, are refused', async () => {
  const client = await clientOf(objectServer());
  await client.put('a', Buffer.from('{'), { ttlMs: 1 });
  expect(await codeOf(client.getJson('a'))).toBe('bad-data');
  for (const ttlMs of [0, -1, 1.5, Number.NaN]) {
    expect(await codeOf(client.put('a', Buffer.from(''), { ttlMs }))).toBe('bad-request');
  }
});

test('a call ends at its deadline, or when its signal says so', async () => {
  const client = await clientOf({ cache: { get: () => undefined } });
  expect(await codeOf(client.get('a', { deadlineMs: 60 }))).toBe('deadline');
  const reason = new Error('enough');
  const controller = new AbortController();
  const call = client.get('a', { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 20);
  await expect(call).rejects.toBe(reason);
});

test('calls find another server, and one that has come back', async () => {
  const first = await serve(objectServer());
  const client = connect(['127.0.0.1:1', first.address]);
  endWithTest(() => client.close());
  for (let i = 0; i < 4; i += 1) expect(await client.get('a')).toBeUndefined();
  first.kill();
  await expect.poll(() => codeOf(client.get('a'))).toBe('unavailable');
  await serve(objectServer(), first.port);
  await expect.poll(() => codeOf(client.get('a')), { timeout: 20_000 }).toBe('no failure');
});

test('a method that the server does not have is unimplemented', async () => {
  const client = await clientOf({});
  expect(await codeOf(client.get('a'))).toBe('unimplemented');
});

test('what operators ask comes as plain numbers, and entries page by page', async () => {
  const client = await clientOf({
    admin: {
      getStats: (_call, reply) =>
        reply(null, create(GetStatsResponseSchema, { lookups: { hit: 3n }, store: 'embedded', entries: 2n })),
      listEntries: ({ request: { cursor, contains } }, reply) => {
        const entry = { key: `${contains}${cursor}`, contentBytes: 10n };
        reply(
          null,
          create(ListEntriesResponseSchema, {
            entries: [entry],
            cursor: cursor.length < 2 ? `${cursor}n` : '',
          }),
        );
      },
      explain: ({ request }, reply) => {
        const outcome = Buffer.from(request.request!.url).toString();
        reply(null, create(ExplainResponseSchema, { outcome, reasons: ['why'] }));
      },
    },
  });
  expect(await client.admin.stats()).toMatchObject({
    lookups: { hit: 3 },
    entries: 2,
    storedBytes: undefined,
  });
  const keys: string[] = [];
  for await (const { key } of client.admin.entries('k')) keys.push(key);
  expect(keys).toEqual(['k', 'kn', 'knn']);
  expect(await client.admin.explain('http://api.example')).toMatchObject({
    outcome: 'http://api.example/',
    reasons: ['why'],
    entry: undefined,
  });
});
